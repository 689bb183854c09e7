// An inbox as a service runs it, on a topic and a database of its own.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { fileURLToPath } from 'node:url'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { brokers, freshDatabase, unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import { Admin, Consumer, compatibilityPartitioner, Producer } from '@platformatic/kafka'
import type { Pool } from 'pg'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { textKey } from '../kafka/text-key.ts'
import { Inbox, type InboxOptions } from './inbox.ts'
import type { ModelEvent } from './model.fixture.ts'
import { framed, makeModelTable, modelHandler, modelRegistry, modelTopic } from './model-topic.fixture.ts'

const folder = (name: string) => ({ name, path: fileURLToPath(new URL(`../../migrations/${name}`, import.meta.url)) })
export const kafka = { bootstrapBrokers: brokers().split(','), clientId: 'inbox-test' }
const logger = pino({ level: process.env.LOG_LEVEL ?? 'silent' })

export let admin: Admin
export let producer: Producer<Buffer, Buffer, Buffer, Buffer>
export const cleanups: (() => Promise<unknown>)[] = []

before(() => {
  admin = new Admin(kafka)
  producer = new Producer({ ...kafka, idempotent: true, partitioner: compatibilityPartitioner })
})
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
  await producer.close(true)
  await admin.close()
})

export type TestInbox = Inbox<string[], ModelEvent>

/** A topic of its own, and a service with a database of its own that reads it. */
export async function service() {
  // Keys are bounded as those of orders are.
  const topic = { ...modelTopic(unique('events')), key: textKey(({ key }: ModelEvent) => key) }
  const group = unique('group')
  await admin.createTopics({ topics: [topic.name], partitions: 3, replicas: 1 })
  const database = await freshDatabase('inbox')
  await migrate(database.url, [folder('outbox'), folder('inbox'), folder('effects')])
  await makeModelTable(database.url)
  const pool = openPool({ url: database.url, name: 'inbox-test', max: 8, onIdleError: () => {} })
  const applied: ModelEvent[] = []
  const running = new Set<TestInbox>()
  const stop = async (inbox: TestInbox) => {
    running.delete(inbox)
    await inbox.close()
  }
  cleanups.push(async () => {
    await Promise.all([...running].map(stop))
    await pool.end()
    await database.drop()
    await admin.deleteTopics({ topics: [topic.name] })
  })
  const start = async (over: Partial<InboxOptions<string[], ModelEvent>> = {}): Promise<TestInbox> => {
    const inbox = new Inbox(topic, modelHandler, {
      pool,
      brokers: kafka.bootstrapBrokers,
      registry: modelRegistry,
      group,
      instance: unique('test'),
      logger,
      metrics: new Registry(),
      onApplied: (batch) => applied.push(...batch.map(({ event }) => event)),
      ...over,
    })
    running.add(inbox)
    inbox.start()
    return inbox
  }
  const send = (messages: { key: string; value: Buffer }[]) =>
    producer.send({
      messages: messages.map(({ key, value }) => ({ topic: topic.name, key: Buffer.from(key), value })),
    })
  return {
    topic,
    group,
    url: database.url,
    pool,
    applied,
    start,
    stop,
    send,
    /** These versions of these keys, version by version. */
    sendEvents: (keys: readonly string[], versions: readonly number[]) =>
      send(versions.flatMap((version) => keys.map((key) => ({ key, value: framed(event(key, version)) })))),
    untilVersion: (keys: readonly string[], version: number) =>
      until(`all keys at version ${version}`, async () => (await versions(pool)).get(version) === keys.length),
  }
}

/** Deletes a topic and makes it anew. A broker shows the old one, and takes records into its log, for a moment more. */
export async function makeAgain(topic: string): Promise<void> {
  const shown = async () => {
    const { topics } = await producer.metadata({ topics: [topic], forceUpdate: true })
    return topics.get(topic)!.id
  }
  const before = await shown()
  await admin.deleteTopics({ topics: [topic] })
  await until('it is made again', async () => {
    await admin.createTopics({ topics: [topic], partitions: 3, replicas: 1 })
    return true
  })
  await until('the broker shows the new one, and its log is empty', async () => {
    const partitions = [0, 1, 2].map((partitionIndex) => ({ partitionIndex, timestamp: -1n }))
    const isAnother = (await shown()) !== before
    const [ends] = await admin.listOffsets({ topics: [{ name: topic, partitions }] })
    return isAnother && ends!.partitions.every(({ offset }) => offset === 0n)
  })
}

export const event = (key: string, version: number): ModelEvent => ({
  id: `${key}-v${version}`,
  key,
  version,
})
export const someKeys = (count: number) => Array.from({ length: count }, (_, n) => `o-${n}`)

/** How many keys are at each version. */
export async function versions(pool: Pool): Promise<Map<number, number>> {
  const { rows } = await pool.query('SELECT applied_version, count(*) FROM inbox_key GROUP BY 1')
  return new Map(rows.map((row) => [Number(row.applied_version), Number(row.count)]))
}

/** What the service stored: each key's events, complete and in order. */
export async function assertComplete(pool: Pool, keys: readonly string[], version: number): Promise<void> {
  const { rows } = await pool.query('SELECT key, events FROM model_key')
  const all = Array.from({ length: version }, (_, n) => n + 1)
  const stored = new Map(rows.map((row) => [row.key, row.events]))
  assert.equal(stored.size, keys.length)
  for (const key of keys)
    assert.deepEqual(
      stored.get(key),
      all.map((v) => `${key}-v${v}`),
    )
}

export const caughtUp = (inbox: TestInbox) =>
  until('lag 0 everywhere', async () => {
    const positions = await inbox.positions()
    return positions.length === 3 && positions.every(({ lag }) => lag === 0)
  })

export async function committed(group: string, topic: string): Promise<bigint> {
  const consumer = new Consumer({ ...kafka, groupId: group })
  try {
    const offsets = await consumer.listCommittedOffsets({ topics: [{ topic, partitions: [0, 1, 2] }] })
    return (offsets.get(topic) ?? []).reduce((sum, offset) => sum + (offset > 0n ? offset : 0n), 0n)
  } finally {
    await consumer.close(true)
  }
}
