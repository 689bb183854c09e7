import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import type { Handler } from '@inorder/messaging/inbox/handler.ts'
import type { Applied } from '@inorder/messaging/inbox/inbox.ts'
import type { Logger } from 'pino'
import { apply, type ReceivedOrder } from './order.ts'
import { save } from './store.ts'
import type { VersionWaits } from './version-waits.ts'

export const orderHandler: Handler<ReceivedOrder, OrderEvent> = {
  // An event carries the whole order: what was there before is overwritten, so it is not read either.
  load: async () => new Map(),
  apply: (before, event) => ({ state: apply(before, event), effects: [] }),
  save,
}

const mostLines = 50

/** After each commit: tells who waits, and the log. A line an order would set the pace when there are many. */
export const handled =
  (logger: Logger, waits: VersionWaits) =>
  (applied: readonly Applied<ReceivedOrder, OrderEvent>[]): void => {
    for (const { key, event } of applied) waits.applied(key, event.version)
    if (applied.length > mostLines) {
      const created = applied.filter(({ event }) => event.version === 1).length
      const orders = new Set(applied.map(({ key }) => key)).size
      logger.info({ events: applied.length, orders, created }, 'orders handled')
      return
    }
    for (const { key: orderId, state } of applied) {
      const { order, version, shippingCost } = state
      logger.info({ orderId, version, status: order.status, total: order.totalAmount, shippingCost }, 'order handled')
    }
  }
