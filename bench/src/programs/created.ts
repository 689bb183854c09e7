// The event of a new order, and what Kafka gets of it.
import { randomUUID } from 'node:crypto'
import { totalOf } from '@inorder/contracts/money.ts'
import type { Order } from '@inorder/contracts/order.ts'
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { partitionOf } from '@inorder/messaging/kafka/partitioner.ts'
import type { ProducerRecord } from '@inorder/messaging/kafka/producer.ts'
import { frame } from '@inorder/messaging/kafka/wire-format.ts'
import { orderBody } from '../load.ts'

export function created(request: Pick<Order, 'orderId' | 'customerId' | 'items'>): OrderEvent {
  const now = new Date().toISOString()
  const totalAmount = totalOf(request.items)
  const order = { ...request, orderDate: now, totalAmount, currency: 'USD', status: 'new' }
  const { orderId } = order
  return {
    eventId: randomUUID(),
    type: 'OrderCreated',
    orderId,
    version: 1,
    occurredAt: now,
    order,
    previousStatus: null,
  }
}

/** Of the order that the load generator asks for under this name. */
export const createdFrom = (prefix: string, n: number): OrderEvent => created(JSON.parse(orderBody(prefix, n)))

export function recordOf(topic: string, schemaId: number, event: OrderEvent): ProducerRecord {
  const key = orderEvents.key.encode(event)
  const headers = Object.entries(orderEvents.headers(event))
  return {
    topic,
    partition: partitionOf(key, orderEvents.partitions),
    key,
    value: frame(schemaId, orderEvents.value.encode(event)),
    headers: new Map(headers.map(([name, value]) => [Buffer.from(name), Buffer.from(value)])),
  }
}
