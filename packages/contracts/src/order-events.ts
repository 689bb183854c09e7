import { textKey } from '@inorder/messaging/kafka/text-key.ts'
import type { Topic } from '@inorder/messaging/kafka/topic.ts'
import { overLimits } from './event-limits.ts'
import type { OrderEvent } from './order-event.ts'
import { orderEventAvro } from './order-event-avro.ts'

const versionHeader = 'order-version'

/** Every change of every order, in order. */
export const orderEvents: Topic<OrderEvent> = {
  name: 'order-events',
  parkedName: 'order-events.parked',
  partitions: 6,
  subject: 'order-events-value',
  key: textKey(({ orderId }) => orderId),
  value: orderEventAvro,
  describe: ({ eventId, orderId, version }) => ({ eventId, key: orderId, version }),
  occurredAt: ({ occurredAt }) => Date.parse(occurredAt),
  overLimits,
  // CloudEvents' Kafka binding, binary mode.
  headers: ({ eventId, type, orderId, version, occurredAt }) => ({
    ce_specversion: '1.0',
    ce_id: eventId,
    ce_source: '/inorder/cart',
    ce_type: type,
    ce_subject: orderId,
    ce_time: occurredAt,
    'content-type': 'application/avro',
    [versionHeader]: String(version),
  }),
  versionHeader,
}
