// What the inbox must do with a sequence of records, said once more and as simply as possible: one order at a time, one
// record at a time, by looking through everything that is not applied yet. It shares no code with the inbox.

export interface ModelEvent {
  id: string
  orderId: string
  version: number
  /** `apply` throws. */
  refused?: boolean
  /** The database refuses the state that it leads to. */
  unsavable?: boolean
}

export interface ModelRecord {
  /** Distinct for each record. */
  place: string
  /** Null: no usable key. */
  orderId: string | null
  /** Undefined: cannot be decoded. */
  event?: ModelEvent
}

/** The handler of the tests: an order's state is the list of its events. */
export const apply = (state: string[] | undefined, event: ModelEvent): string[] => {
  if (event.refused) throw new Error(`${event.id} is refused`)
  return [...(state ?? []), event.id]
}

interface Pending {
  record: ModelRecord
  state: 'new' | 'head' | 'behind' | 'waiting' | 'conflict'
}

export interface ModelOrder {
  version: number
  eventId: string | null
  state: string[]
  /** place -> state */
  parked: Record<string, string>
}

export function modelOf(records: readonly ModelRecord[]): { orders: Record<string, ModelOrder>; orderless: string[] } {
  const ids = new Set(records.flatMap(({ orderId }) => orderId ?? []))
  return {
    orders: Object.fromEntries([...ids].map((id) => [id, oneOrder(records.filter(({ orderId }) => orderId === id))])),
    orderless: records.filter(({ orderId }) => orderId === null).map(({ place }) => place),
  }
}

function oneOrder(records: readonly ModelRecord[]): ModelOrder {
  const order: ModelOrder = { version: 0, eventId: null, state: [], parked: {} }
  let pending: Pending[] = []
  for (const record of records) {
    const { event } = record
    if (event && event.version < order.version) continue
    if (event && event.version === order.version && event.id === order.eventId) continue
    if (event && pending.some((p) => p.state !== 'conflict' && p.record.event?.id === event.id)) continue
    if (event && event.version === order.version) {
      pending.push({ record, state: 'conflict' })
      continue
    }
    pending.push({ record, state: 'new' })
    const blockedBefore = pending.some((p) => p.state === 'head')
    pending = advance(order, pending)
    for (const p of pending) if (p.state === 'new') p.state = blockedBefore ? 'behind' : 'waiting'
  }
  order.parked = Object.fromEntries(pending.map((p) => [p.record.place, p.state]))
  return order
}

function advance(order: ModelOrder, pending: Pending[]): Pending[] {
  for (;;) {
    if (pending.some((p) => p.state === 'head')) return pending
    const open = pending.filter((p) => p.state === 'new' || p.state === 'waiting')
    const turn = open.find(({ record: { event } }) => !event || event.version === order.version + 1)
    if (!turn) return pending
    const { event } = turn.record
    if (!event || event.refused || event.unsavable) {
      turn.state = 'head'
      return pending
    }
    order.state = apply(order.state, event)
    order.version = event.version
    order.eventId = event.id
    pending = pending.filter((p) => p !== turn)
    for (const p of pending) if (p.record.event?.version === event.version) p.state = 'conflict'
  }
}
