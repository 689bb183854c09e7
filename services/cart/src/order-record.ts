// An event of an order, as what the log is told.
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import type { OutboxRecord } from '@inorder/messaging/outbox/outbox.ts'
import type { CartOrder, Event } from './order.ts'

/** What the topic takes in one record (`max.message.bytes` 1,048,588), less room for key, headers and frame. */
export const largestEvent = 1_000_000

export type OrderRecord = OutboxRecord & { value: Buffer }

/** Where an event comes from: the instance that waits for it, and the W3C trace of the request, if that has one. */
export interface Source {
  origin: string
  traceparent?: string | undefined
}

/** `now` is the order after the event. Without a trace the event begins one, named after it. */
export function recordOf(event: Event, now: CartOrder, occurredAt: Date, { origin, traceparent }: Source): OrderRecord {
  const message = messageOf(event, now, occurredAt)
  const trace = event.eventId.replaceAll('-', '')
  return {
    eventId: event.eventId,
    topic: orderEvents.name,
    key: orderEvents.key.encode(message),
    value: orderEvents.value.encode(message),
    fingerprint: orderEvents.value.fingerprint,
    headers: { ...orderEvents.headers(message), traceparent: traceparent ?? `00-${trace}-${trace.slice(16)}-00` },
    origin,
  }
}

export const messageOf = (event: Event, { order, version }: CartOrder, occurredAt: Date): OrderEvent => ({
  eventId: event.eventId,
  type: event.type,
  orderId: order.orderId,
  version,
  occurredAt: occurredAt.toISOString(),
  order,
  previousStatus: event.type === 'OrderStatusChanged' ? event.previousStatus : null,
})
