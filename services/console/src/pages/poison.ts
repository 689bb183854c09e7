// What "poison one" does: a record in the topic that no service can read, with an order's id as its key.
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { Problem } from '@inorder/contracts/problems.ts'
import { isLoopback } from '@inorder/http/loopback.ts'
import { partitionOf } from '@inorder/messaging/kafka/partitioner.ts'
import type { SerialProducer } from '@inorder/messaging/kafka/producer.ts'

export interface Poisoner {
  poison(orderId: string, partitions: number): Promise<void>
  close(): void
}

/** Undefined: Kafka is not on this machine, so that the topic may be somebody's. */
export function localPoisoner(brokers: string | undefined): Poisoner | undefined {
  const addresses = brokers?.split(',') ?? []
  if (addresses.length === 0 || !addresses.every((address) => isLoopback(address.replace(/:\d+$/, ''))))
    return undefined
  let producer: SerialProducer | undefined
  /** Loaded by the first who poisons: Kafka's client is half of what the console would load. */
  const producerOf = async (brokers: string[]) => {
    const { SerialProducer } = await import('@inorder/messaging/kafka/producer.ts')
    producer ??= new SerialProducer({ brokers, clientId: 'inorder-console' }, 0)
    return producer
  }
  return {
    async poison(orderId, partitions) {
      const key = Buffer.from(orderId)
      const value = Buffer.from('This is no event: it was written by "poison one" of the console.')
      const place = { topic: orderEvents.name, partition: partitionOf(key, partitions) }
      const producer = await producerOf(addresses)
      await producer.send([{ ...place, key, value, headers: new Map() }], 3_000).catch((error) => {
        throw new Problem('kafka-away', `It is not known whether it was written: ${error.message}`)
      })
    },
    close: () => producer?.close(),
  }
}
