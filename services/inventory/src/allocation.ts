// Who gets what of the stock. An order's way:
//
//   new -> reserved                  all its lines were there, and nobody who came before it waits for one of its items
//       -> backordered -> reserved   it waits in the queues of all its items until both are true
//   shipped or cancelled, from any of these -> shipped | released, for good
//
// So of the orders that want an item the first are reserved and the others wait, and who is reserved follows from what
// is on hand and the order of arrival alone, however events and rounds fell together.
import type { Demand, Line } from './demand.ts'

export type ReservationStatus = 'reserved' | 'backordered' | 'shipped' | 'released'

export interface OrderDemand {
  orderId: string
  /** The lower, the earlier. */
  arrival: number
  demand: Demand
  /** Null: it is new. */
  status: ReservationStatus | null
}

export interface Allotment {
  order: OrderDemand
  status: ReservationStatus
  /** What was not there when it was shipped. */
  short: Line[]
}

/** How an order ends: whether its goods leave the house, and what becomes of its reservation. */
const endings: Record<Exclude<Demand['state'], 'open'>, { leaves: boolean; becomes: ReservationStatus }> = {
  shipped: { leaves: true, becomes: 'shipped' },
  cancelled: { leaves: false, becomes: 'released' },
}

interface ItemChange {
  /** Added to what is reserved. */
  reserved: number
  /** Taken from what is on hand. */
  shipped: number
  /** One who waits for it may be able to have it now. */
  recheck: boolean
}

export interface Allocation {
  allotments: Allotment[]
  items: Map<string, ItemChange>
}

/**
 * One round. `orders` are those whose demand has changed, and some of those that wait; `ahead` says who, of the others,
 * is the first to wait for an item. `available` holds what is on hand and not reserved.
 */
export function allocate(
  orders: readonly OrderDemand[],
  available: ReadonlyMap<string, number>,
  ahead: ReadonlyMap<string, number>,
): Allocation {
  const allotments: Allotment[] = []
  const items = new Map<string, ItemChange>()
  const changeOf = (itemId: string): ItemChange => {
    const change = items.get(itemId) ?? { reserved: 0, shipped: 0, recheck: false }
    items.set(itemId, change)
    return change
  }
  const availableOf = (itemId: string) => {
    const { reserved = 0, shipped = 0 } = items.get(itemId) ?? {}
    return (available.get(itemId) ?? 0) - reserved - shipped
  }
  const decide = (order: OrderDemand, status: ReservationStatus, short: Line[] = []) => {
    allotments.push({ order, status, short })
    const leavesQueues = order.status === 'backordered'
    const givesBack = order.status === 'reserved' && status === 'released'
    if (leavesQueues || givesBack) for (const { itemId } of order.demand.lines) changeOf(itemId).recheck = true
  }

  // 1. What has left the house is booked before anything is promised, and takes from nobody who has a reservation.
  for (const order of orders) {
    const { status, demand } = order
    if (demand.state === 'open' || status === 'shipped' || status === 'released') continue
    const { leaves, becomes } = endings[demand.state]
    const short: Line[] = []
    for (const { itemId, quantity } of demand.lines) {
      if (status === 'reserved') changeOf(itemId).reserved -= quantity
      if (!leaves) continue
      const there = Math.min(quantity, availableOf(itemId))
      changeOf(itemId).shipped += there
      if (there < quantity) short.push({ itemId, quantity: quantity - there })
    }
    decide(order, becomes, short)
  }

  // 2. What is there goes to those who want it, in order of arrival. Who cannot have all lines holds up all behind it.
  const firstWaiting = new Map(ahead)
  const isFirst = (itemId: string, { arrival }: OrderDemand) => arrival < (firstWaiting.get(itemId) ?? Infinity)
  const wanting = orders.filter(
    ({ demand, status }) => demand.state === 'open' && (status === null || status === 'backordered'),
  )
  for (const order of wanting.sort((a, b) => a.arrival - b.arrival)) {
    const { lines } = order.demand
    if (lines.every(({ itemId, quantity }) => isFirst(itemId, order) && quantity <= availableOf(itemId))) {
      for (const { itemId, quantity } of lines) changeOf(itemId).reserved += quantity
      decide(order, 'reserved')
      continue
    }
    for (const { itemId } of lines) if (isFirst(itemId, order)) firstWaiting.set(itemId, order.arrival)
    if (order.status === null) decide(order, 'backordered')
  }
  return { allotments, items }
}
