// The topics and schemas that every service relies on, made before the first service starts.

import { setTimeout as pause } from 'node:timers/promises'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import { SchemaRegistry } from '@inorder/messaging/kafka/registry.ts'
import { StartFailure, Stopped } from './failure.ts'

const deadlineMs = 5_000
/** A broker takes connections a moment before it can make topics. */
const patience = 20_000
/** The broker's own limit, said explicitly because the parked topic's is derived from it. */
const largestBatch = 1_048_588
/** A parked copy carries headers that say where it came from. */
const parkedHeaders = 65_536

const keepEverything = { 'retention.ms': '-1', 'cleanup.policy': 'delete' }

/** Makes what is missing; a topic that is there is left as it is. */
export async function makeTopics(brokers: string, stopping: AbortSignal): Promise<void> {
  const admin = new KafkaAdmin({ brokers: brokers.split(','), clientId: 'inorder-stack' })
  const topic = (name: string, size: number) => ({
    name,
    partitions: orderEvents.partitions,
    // The cluster's own default: 1 with our single broker, more with one that was given.
    replicas: -1,
    configs: { ...keepEverything, 'max.message.bytes': String(size) },
  })
  const topics = [topic(orderEvents.name, largestBatch), topic(orderEvents.parkedName, largestBatch + parkedHeaders)]
  try {
    await insist(() => admin.createTopics(topics, deadlineMs), stopping)
  } catch (error) {
    if (error instanceof Stopped) throw error
    throw new StartFailure(`the topics could not be made on Kafka at ${brokers}: ${(error as Error).message}`)
  } finally {
    await admin.close()
  }
}

async function insist(work: () => Promise<void>, stopping: AbortSignal): Promise<void> {
  const limit = performance.now() + patience
  for (;;) {
    if (stopping.aborted) throw new Stopped()
    try {
      return await work()
    } catch (error) {
      if (performance.now() > limit) throw error
      await pause(200)
    }
  }
}

export async function registerSchemas(url: string): Promise<void> {
  const registry = new SchemaRegistry({ url, deadlineMs })
  try {
    await registry.ensureCompatibility(orderEvents.subject, 'FULL_TRANSITIVE')
    await registry.idOf(orderEvents.subject, orderEvents.value.schema)
  } catch (error) {
    throw new StartFailure(`the schemas could not be registered at ${url}: ${(error as Error).message}`)
  }
}
