// The topics and schemas that every service relies on, made before the first service starts.

import { setTimeout as pause } from 'node:timers/promises'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { isDenial } from '@inorder/messaging/kafka/access-denied.ts'
import { kafkaAccess } from '@inorder/messaging/kafka/access-settings.ts'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import { newTopics, registerSchema } from '@inorder/messaging/kafka/create-topic.ts'
import { SchemaRegistry } from '@inorder/messaging/kafka/registry.ts'
import { registryAccess } from '@inorder/messaging/kafka/registry-access.ts'
import { StartFailure, Stopped } from './failure.ts'

const deadlineMs = 5_000
/** A broker takes connections a moment before it can make topics, and the registry's first schema takes it a while. */
const patience = 20_000

/** Makes what is missing; a topic that is there is left as it is. */
export async function makeTopics(brokers: string, stopping: AbortSignal): Promise<void> {
  const cluster = { brokers: brokers.split(','), access: kafkaAccess(process.env), clientId: 'inorder-stack' }
  const admin = new KafkaAdmin(cluster)
  try {
    await insist(() => admin.createTopics(newTopics(orderEvents), deadlineMs), stopping)
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
      if (performance.now() > limit || isDenial(error)) throw error
      await pause(200)
    }
  }
}

export async function registerSchemas(url: string): Promise<void> {
  const registry = new SchemaRegistry({ url, deadlineMs: patience, access: registryAccess(process.env) })
  try {
    await registerSchema(orderEvents, registry)
  } catch (error) {
    throw new StartFailure(`the schemas could not be registered at ${url}: ${(error as Error).message}`)
  }
}
