import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import type { OutboxRecord } from '@inorder/messaging/outbox/outbox.ts'

/**
 * The outbox record of an event. `origin` is the instance that waits for it; `traceparent` the trace of the request, if it
 * has one: else the event begins a trace, named after it.
 */
export function recordOf(event: OrderEvent, origin: string, traceparent?: string): OutboxRecord & { value: Buffer } {
  const trace = event.eventId.replaceAll('-', '')
  return {
    eventId: event.eventId,
    topic: orderEvents.name,
    key: orderEvents.key.encode(event),
    value: orderEvents.value.encode(event),
    fingerprint: orderEvents.value.fingerprint,
    headers: { ...orderEvents.headers(event), traceparent: traceparent ?? `00-${trace}-${trace.slice(16)}-00` },
    origin,
  }
}

/** What the topic takes in one record (`max.message.bytes` 1,048,588), less room for key, headers and frame. */
export const largestEvent = 1_000_000
