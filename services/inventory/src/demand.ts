import { meaningOf } from '@inorder/contracts/lifecycle.ts'
import { longestId } from '@inorder/contracts/order.ts'
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import { textFault } from '@inorder/messaging/kafka/text-key.ts'

/** What an order wants of the stock. It depends on that order alone; what it gets is the allocator's to say. */
export interface Demand {
  /** Nothing leads out of `shipped` and `cancelled`. */
  state: 'open' | 'shipped' | 'cancelled'
  lines: readonly Line[]
}

/** Each item once, however many lines of the order name it. */
export interface Line {
  itemId: string
  quantity: number
}

/** The demand after an event. The items are those of the order's first event: a change of status is all that follows. */
export function apply(before: Demand | undefined, { order }: OrderEvent): Demand {
  if (before && before.state !== 'open') return before
  const state = stateOf(order.status)
  if (before) return state === before.state ? before : { ...before, state }
  const quantities = new Map<string, number>()
  for (const { itemId, quantity } of order.items) {
    // An id that no index takes would stop the allocator for all orders.
    if (textFault(itemId, longestId)) throw new RangeError(`no item id: ${itemId}`)
    quantities.set(itemId, (quantities.get(itemId) ?? 0) + quantity)
  }
  return { state, lines: [...quantities].map(([itemId, quantity]) => ({ itemId, quantity })) }
}

function stateOf(status: string): Demand['state'] {
  const meaning = meaningOf(status)
  switch (meaning) {
    case undefined:
    case 'new':
    case 'pending':
    case 'confirmed':
    case 'paid':
      return 'open'
    case 'shipped':
    case 'delivered': // it was shipped, also where nobody said so
      return 'shipped'
    case 'cancelled':
      return 'cancelled'
    default:
      return meaning satisfies never
  }
}
