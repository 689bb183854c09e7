import { isUtf8 } from 'node:buffer'
import type { Topic } from '@inorder/messaging/kafka/topic.ts'
import { overLimits, textFault } from './event-limits.ts'
import { longestId } from './order.ts'
import type { OrderEvent } from './order-event.ts'
import { orderEventAvro } from './order-event-avro.ts'

const versionHeader = 'order-version'

/** Every change of every order, in order. */
export const orderEvents: Topic<OrderEvent> = {
  name: 'order-events',
  parkedName: 'order-events.parked',
  partitions: 6,
  subject: 'order-events-value',
  key: {
    encode: ({ orderId }) => Buffer.from(orderId),
    decode(key) {
      if (!isUtf8(key)) throw new RangeError('the key is not UTF-8')
      const orderId = key.toString()
      // No path and no cursor could name an order over the limits.
      const fault = textFault(orderId, longestId)
      if (fault) throw new RangeError(`the key${fault}`)
      return orderId
    },
  },
  value: orderEventAvro,
  describe: ({ eventId, orderId, version }) => ({ eventId, key: orderId, version }),
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
