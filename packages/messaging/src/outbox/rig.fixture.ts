// A database with an outbox, topics of its own, relays on it, and the log as it came out.
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { transaction } from '@inorder/storage/transaction.ts'
import { brokers, freshDatabase, registryUrl, unique } from '@inorder/testing/parts.ts'
import { Admin, Consumer } from '@platformatic/kafka'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { KafkaAdmin } from '../kafka/admin.ts'
import { SchemaRegistry } from '../kafka/registry.ts'
import { DatabaseRun } from './database-run.ts'
import type { ComparedLog } from './log-recovery.ts'
import { type AddedRow, addToOutbox, type OutboxRecord } from './outbox.ts'
import { Relay, type RelayOptions } from './relay.ts'

export interface LogRecord {
  partition: number
  offset: bigint
  key: string | null
  value: Buffer
  headers: Map<string, Buffer>
}

export interface OutboxRigOptions {
  partitions?: number
  /** Of the topic. */
  configs?: Record<string, string>
  /** Further topics, made alike. */
  otherTopics?: number
}

const migrations = fileURLToPath(new URL('../../migrations/outbox', import.meta.url))
const deadlineMs = 10_000

export async function outboxRig({ partitions = 6, configs = {}, otherTopics = 0 }: OutboxRigOptions = {}) {
  const kafka = new KafkaAdmin({ brokers: brokers().split(','), clientId: 'outbox-rig' })
  const topics = Array.from({ length: 1 + otherTopics }, () => unique('outbox'))
  const createTopics = (names: readonly string[]): Promise<void> =>
    kafka.createTopics(
      names.map((name) => ({ name, partitions, replicas: 1, configs })),
      deadlineMs,
    )
  await createTopics(topics)
  const database = await freshDatabase('outbox')
  await migrate(database.url, [{ name: 'outbox', path: migrations }])
  const sessions = { url: database.url, name: 'outbox-rig', onIdleError: () => {} }
  const pool = openPool({ ...sessions, max: 10 })
  const maintenance = openPool({ ...sessions, max: 2, deadlineMs: 60_000 })
  const relays = new Set<Relay>()

  const record = (over: Partial<OutboxRecord> & { key: Buffer | null }): OutboxRecord => ({
    eventId: randomUUID(),
    topic: topics[0]!,
    value: Buffer.from('value'),
    fingerprint: null,
    headers: {},
    origin: 'nobody',
    ...over,
  })

  return {
    url: database.url,
    pool,
    maintenance,
    kafka,
    topic: topics[0]!,
    topics,
    record,
    /** A relay of this instance name, started. */
    async relay(instance = unique('relay'), over: Partial<RelayOptions> = {}, log?: ComparedLog): Promise<Relay> {
      const relay = new Relay({
        pool,
        maintenance,
        url: database.url,
        brokers: brokers().split(','),
        registry: new SchemaRegistry({ url: registryUrl(), deadlineMs: 1_000 }),
        topics: topics.map((name) => ({ name, partitions })),
        instance,
        run: new DatabaseRun(),
        logger: pino({ level: process.env.LOG_LEVEL ?? 'silent' }),
        metrics: new Registry(),
        ...over,
      })
      relays.add(relay)
      await relay.start(log)
      return relay
    },
    async stop(relay: Relay): Promise<void> {
      relays.delete(relay)
      await relay.close()
    },
    add: (records: readonly OutboxRecord[]): Promise<AddedRow[]> => transaction(pool, (tx) => addToOutbox(tx, records)),
    async waiting(): Promise<number> {
      const { rows } = await pool.query<{ n: number }>('SELECT count(*)::int AS n FROM outbox')
      return rows[0]!.n
    },
    deleteTopics,
    createTopics,
    /** Everything that is in a topic now, each partition's records in their order. */
    log: (topic = topics[0]!): Promise<LogRecord[]> => readLog(kafka, topic),
    async close(): Promise<void> {
      await Promise.all([...relays].map((relay) => relay.close()))
      await pool.end()
      await maintenance.end()
      await database.drop()
      await kafka.close()
      await deleteTopics(topics)
    },
  }
}

export type OutboxRig = Awaited<ReturnType<typeof outboxRig>>

async function deleteTopics(names: readonly string[]): Promise<void> {
  const admin = new Admin({ clientId: 'outbox-rig', bootstrapBrokers: brokers().split(',') })
  const there = await admin.listTopics()
  await admin.deleteTopics({ topics: names.filter((name) => there.includes(name)) })
  await admin.close()
}

async function readLog(kafka: KafkaAdmin, topic: string): Promise<LogRecord[]> {
  const { ends } = await kafka.ends(topic, deadlineMs)
  const open = new Map([...ends.entries()].filter(([, end]) => end > 0n))
  const records: LogRecord[] = []
  if (open.size === 0) return records
  const consumer = new Consumer({
    clientId: 'outbox-rig',
    bootstrapBrokers: brokers().split(','),
    groupId: unique('outbox-rig'),
  })
  try {
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', maxWaitTime: 100, autocommit: false })
    for await (const { partition, offset, key, value, headers } of stream) {
      const texts = [...headers].map(([name, content]): [string, Buffer] => [name.toString(), content])
      records.push({ partition, offset, key: key?.toString() ?? null, value, headers: new Map(texts) })
      if (offset + 1n >= (open.get(partition) ?? 0n)) open.delete(partition)
      if (open.size === 0) break
    }
    return records
  } finally {
    await consumer.close(true)
  }
}
