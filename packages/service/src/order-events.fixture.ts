// Writes to the topic of the order events as the cart does, for tests of services that run as processes.
import { randomUUID } from 'node:crypto'
import type { Order } from '@inorder/contracts/order.ts'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import { partitionOf } from '@inorder/messaging/kafka/partitioner.ts'
import { SerialProducer } from '@inorder/messaging/kafka/producer.ts'
import { SchemaRegistry } from '@inorder/messaging/kafka/registry.ts'
import { frame } from '@inorder/messaging/kafka/wire-format.ts'
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
  async function publishAs(versioned: readonly { order: Order; version: number }[], garbled = false): Promise<void> {
    const records = versioned.map(({ order, version }) => {
      const event = {
        eventId: randomUUID(),
        type: version === 1 ? 'OrderCreated' : 'OrderStatusChanged',
        orderId: order.orderId,
        version,
        occurredAt: '2026-11-23T14:20:19.000Z',
        order,
        previousStatus: null,
      }
      const key = orderEvents.key.encode(event)
      const body = garbled ? Buffer.from('garbage') : frame(id, value.encode(event))
      const headers = new Map([[Buffer.from('order-version'), Buffer.from(String(version))]])
      return { topic: name, partition: partitionOf(key, partitions), key, value: body, headers }
    })
    await producer.send(records, deadlineMs)
  }

  return {
    /** The next version of each of these orders, in this order. */
    publish: (...orders: readonly Order[]): Promise<void> =>
      publishAs(
        orders.map((order) => {
          const version = (versions.get(order.orderId) ?? 0) + 1
          versions.set(order.orderId, version)
          return { order, version }
        }),
      ),
    /** Any versions, as somebody else might. `garbled`: nobody can read them. */
    publishAs,
    close: () => producer.close(),
  }
}
