// What inventory must do, said once more and as simply as possible: after whatever has happened, everything is looked at
// from the first order on. It shares no code with the allocator.
import type { Line } from './demand.ts'

export interface ModelOrder {
  lines: readonly Line[]
  state: 'open' | 'shipped' | 'cancelled'
  /** Undefined until the first look after it came. */
  status: string | undefined
  short: Line[]
}

/** The orders, in order of arrival, that have all their lines when each is served as it came; the others wait. */
export function served(orders: readonly { lines: readonly Line[] }[], onHand: ReadonlyMap<string, number>): boolean[] {
  const left = new Map(onHand)
  const heldUp = new Set<string>()
  return orders.map(({ lines }) => {
    const has = lines.every(({ itemId, quantity }) => !heldUp.has(itemId) && (left.get(itemId) ?? 0) >= quantity)
    for (const { itemId, quantity } of lines)
      if (has) left.set(itemId, (left.get(itemId) ?? 0) - quantity)
      else heldUp.add(itemId)
    return has
  })
}

export class StockModel {
  readonly onHand = new Map<string, number>()
  readonly received = new Map<string, number>()
  /** In order of arrival. */
  readonly orders = new Map<string, ModelOrder>()
  /** Changed since the last look, the first change first. */
  readonly #changed = new Set<string>()

  /** An order's change counts from its first event in the batch on. */
  batch(events: readonly { orderId: string; status: string; lines: readonly Line[] }[]): void {
    const changed = new Set(events.filter((event) => this.#event(event)).map(({ orderId }) => orderId))
    for (const { orderId } of events) if (changed.has(orderId)) this.#changed.add(orderId)
  }

  /** Whether it changed what the order wants. */
  #event({ orderId, status, lines }: { orderId: string; status: string; lines: readonly Line[] }): boolean {
    const state = status === 'cancelled' ? 'cancelled' : /^(shipped|delivered)$/.test(status) ? 'shipped' : 'open'
    const order = this.orders.get(orderId)
    if (order && (order.state !== 'open' || state === 'open')) return false
    if (order) order.state = state
    else this.orders.set(orderId, { lines, state, status: undefined, short: [] })
    return true
  }

  /** Whether it was taken. */
  put(itemId: string, count: number): boolean {
    if (count < this.reserved(itemId)) return false
    const before = this.onHand.get(itemId) ?? 0
    this.onHand.set(itemId, count)
    this.received.set(itemId, (this.received.get(itemId) ?? 0) + count - before)
    return true
  }

  reserved(itemId: string): number {
    const lines = [...this.orders.values()].filter(({ status }) => status === 'reserved').flatMap((one) => one.lines)
    return lines.filter((line) => line.itemId === itemId).reduce((sum, { quantity }) => sum + quantity, 0)
  }

  /** The allocator looks at all there is. */
  look(): void {
    for (const orderId of this.#changed) {
      const order = this.orders.get(orderId)
      if (!order) continue
      if (order.state === 'cancelled') order.status = 'released'
      if (order.state === 'shipped') this.#ship(order)
    }
    this.#changed.clear()
    const open = [...this.orders.values()].filter(({ state }) => state === 'open')
    const has = served(open, this.onHand)
    open.forEach((order, n) => {
      order.status = has[n] ? 'reserved' : 'backordered'
    })
  }

  #ship(order: ModelOrder): void {
    order.status = 'shipped'
    for (const { itemId, quantity } of order.lines) {
      const onHand = this.onHand.get(itemId) ?? 0
      const there = Math.min(quantity, onHand - this.reserved(itemId))
      if (onHand > 0) this.onHand.set(itemId, onHand - there)
      if (there < quantity) order.short.push({ itemId, quantity: quantity - there })
    }
  }
}
