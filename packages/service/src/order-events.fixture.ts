// Writes to the topic of the order events as the cart does, for tests of services that run as processes.
import { randomUUID } from 'node:crypto'
import type { Order } from '@inorder/contracts/order.ts'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { frame } from '@inorder/contracts/wire-format.ts'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import { partitionOf } from '@inorder/messaging/kafka/partitioner.ts'
import { SerialProducer } from '@inorder/messaging/kafka/producer.ts'
import { SchemaRegistry } from '@inorder/messaging/registry.ts'
import { brokers, registryUrl } from '@inorder/testing/parts.ts'

const deadlineMs = 10_000

export async function orderEventsWriter() {
  const cluster = { brokers: brokers().split(','), clientId: 'order-events-writer' }
  const admin = new KafkaAdmin(cluster)
  const { name, parkedName, partitions, subject, value } = orderEvents
  const wanted = [name, parkedName].map((topic) => ({ name: topic, partitions, replicas: 1, configs: {} }))
  await admin.createTopics(wanted, deadlineMs)
  await admin.close()
  const id = await new SchemaRegistry({ url: registryUrl(), deadlineMs }).idOf(subject, value.schema)
  const producer = new SerialProducer(cluster, 0)
  const versions = new Map<string, number>()
  return {
    /** The next version of each of these orders, in this order. */
    async publish(...orders: readonly Order[]): Promise<void> {
      const records = orders.map((order) => {
        const { orderId } = order
        const version = (versions.get(orderId) ?? 0) + 1
        versions.set(orderId, version)
        const event = {
          eventId: randomUUID(),
          type: version === 1 ? 'OrderCreated' : 'OrderStatusChanged',
          orderId,
          version,
          occurredAt: '2026-11-23T14:20:19.000Z',
          order,
          previousStatus: null,
        }
        const key = orderEvents.key.encode(event)
        const headers = new Map<Buffer, Buffer>()
        return {
          topic: name,
          partition: partitionOf(key, partitions),
          key,
          value: frame(id, value.encode(event)),
          headers,
        }
      })
      await producer.send(records, deadlineMs)
    },
    close: () => producer.close(),
  }
}
