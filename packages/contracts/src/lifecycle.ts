// The statuses that mean something to the services. Any other string is recorded, and moves nothing.

/** Where an order may begin, and where it may go from there, under `ORDER_LIFECYCLE=strict`. */
export const lifecycle = {
  first: ['new', 'pending', 'confirmed', 'paid'],
  moves: {
    new: ['pending', 'confirmed', 'paid', 'cancelled'],
    pending: ['confirmed', 'paid', 'cancelled'],
    confirmed: ['paid', 'shipped', 'cancelled'],
    paid: ['confirmed', 'shipped', 'cancelled'],
    shipped: ['delivered', 'cancelled'],
    delivered: [],
    cancelled: [],
  },
} as const satisfies { first: readonly string[]; moves: Record<string, readonly string[]> }

export type Status = keyof typeof lifecycle.moves

export const hasMeaning = (status: string): status is Status => Object.hasOwn(lifecycle.moves, status)

/** An order whose status means nothing, from before the policy was switched on, may go to any that does. */
export const allowedAfter = (status: string): readonly string[] =>
  hasMeaning(status) ? lifecycle.moves[status] : Object.keys(lifecycle.moves)
