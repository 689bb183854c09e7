// The statuses that mean something to the services: each of them switches over all, so that the compiler names every place
// where a new one has to be decided. Any other string is recorded, and moves nothing.

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

type Meaning = keyof typeof lifecycle.moves

/** What a status means; undefined: nothing. */
export const meaningOf = (status: string): Meaning | undefined =>
  Object.hasOwn(lifecycle.moves, status) ? (status as Meaning) : undefined

/** An order whose status means nothing, from before the policy was switched on, may go to any that does. */
export function allowedAfter(status: string): readonly string[] {
  const meaning = meaningOf(status)
  return meaning ? lifecycle.moves[meaning] : Object.keys(lifecycle.moves)
}
