import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { type EventRecord, outboxRecord, type Source } from '@inorder/messaging/outbox/outbox.ts'
import type { CartOrder, Event } from './order.ts'

/** What the topic takes in one record (`max.message.bytes` 1,048,588), less room for key, headers and frame. */
export const largestEvent = 1_000_000

/** An event of an order, as what the log is told. `now` is the order after it. */
export const recordOf = (event: Event, now: CartOrder, occurredAt: Date, source: Source): EventRecord =>
  outboxRecord(orderEvents, messageOf(event, now, occurredAt), source)

export const messageOf = (event: Event, { order, version }: CartOrder, occurredAt: Date): OrderEvent => ({
  eventId: event.eventId,
  type: event.type,
  orderId: order.orderId,
  version,
  occurredAt: occurredAt.toISOString(),
  order,
  previousStatus: event.type === 'OrderStatusChanged' ? event.previousStatus : null,
})
