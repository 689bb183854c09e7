import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import type { ModelEvent } from '@inorder/testing/inbox-model.ts'
import { framed, makeModelTable, modelHandler, modelRegistry, modelTopic } from '@inorder/testing/inbox-topic.ts'
import { brokers, freshDatabase, unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import { Admin, Consumer, compatibilityPartitioner, Producer } from '@platformatic/kafka'
import type { Pool } from 'pg'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { consume, type Inbox, type InboxOptions } from './inbox.ts'

const folder = (name: string) => ({ name, path: fileURLToPath(new URL(`../../migrations/${name}`, import.meta.url)) })
const kafka = { bootstrapBrokers: brokers().split(','), clientId: 'inbox-test' }
const logger = pino({ level: process.env.LOG_LEVEL ?? 'silent' })

let admin: Admin
let producer: Producer<Buffer, Buffer, Buffer, Buffer>
const cleanups: (() => Promise<unknown>)[] = []

before(() => {
  admin = new Admin(kafka)
  producer = new Producer({ ...kafka, idempotent: true, partitioner: compatibilityPartitioner })
})
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
  await producer.close(true)
  await admin.close()
})

type TestInbox = Inbox<string[], ModelEvent>

/** A topic of its own, and a service with a database of its own that reads it. */
async function service() {
  const topic = modelTopic(unique('events'))
  const group = unique('group')
  await admin.createTopics({ topics: [topic.name], partitions: 3, replicas: 1 })
  const database = await freshDatabase('inbox')
  await migrate(database.url, [folder('outbox'), folder('inbox')])
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
    const inbox = consume(topic, modelHandler, {
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
    pool,
    applied,
    start,
    stop,
    send,
    /** These versions of these orders, version by version. */
    sendEvents: (orders: readonly string[], versions: readonly number[]) =>
      send(
        versions.flatMap((version) =>
          orders.map((orderId) => ({ key: orderId, value: framed(event(orderId, version)) })),
        ),
      ),
    untilVersion: (orders: readonly string[], version: number) =>
      until(`all orders at version ${version}`, async () => (await versions(pool)).get(version) === orders.length),
  }
}

const event = (orderId: string, version: number): ModelEvent => ({ id: `${orderId}-v${version}`, orderId, version })
const someOrders = (count: number) => Array.from({ length: count }, (_, n) => `o-${n}`)

/** How many orders are at each version. */
async function versions(pool: Pool): Promise<Map<number, number>> {
  const { rows } = await pool.query('SELECT applied_version, count(*) FROM inbox_order GROUP BY 1')
  return new Map(rows.map((row) => [Number(row.applied_version), Number(row.count)]))
}

/** What the service stored: each order's events, complete and in order. */
async function assertComplete(pool: Pool, orders: readonly string[], version: number): Promise<void> {
  const { rows } = await pool.query('SELECT order_id, events FROM model_order')
  const all = Array.from({ length: version }, (_, n) => n + 1)
  const stored = new Map(rows.map((row) => [row.order_id, row.events]))
  assert.equal(stored.size, orders.length)
  for (const orderId of orders)
    assert.deepEqual(
      stored.get(orderId),
      all.map((v) => `${orderId}-v${v}`),
    )
}

const caughtUp = (inbox: TestInbox) =>
  until('lag 0 everywhere', async () => {
    const positions = await inbox.positions()
    return positions.length === 3 && positions.every(({ lag }) => lag === 0)
  })

async function committed(group: string, topic: string): Promise<bigint> {
  const consumer = new Consumer({ ...kafka, groupId: group })
  try {
    const offsets = await consumer.listCommittedOffsets({ topics: [{ topic, partitions: [0, 1, 2] }] })
    return (offsets.get(topic) ?? []).reduce((sum, offset) => sum + (offset > 0n ? offset : 0n), 0n)
  } finally {
    await consumer.close(true)
  }
}

/** As a restored backup: all that the database knew after the first version is gone. */
async function restoreTo(pool: Pool, position: string): Promise<void> {
  await pool.query('TRUNCATE inbox_order, model_order, topic_orders')
  await pool.query(position)
}

test('a backlog is applied, garbage among it parked, Kafka told where the group is', async () => {
  const { pool, start, send, sendEvents, untilVersion, group, topic } = await service()
  const orders = someOrders(1_000)
  await sendEvents(orders, [1])
  await send([
    { key: 'bad', value: Buffer.from('garbage') },
    { key: '', value: Buffer.from('garbage') },
  ])
  await sendEvents(orders, [2, 2, 3])
  const inbox = await start()
  await inbox.ready
  await until('three versions', async () => (await versions(pool)).get(3) === orders.length)
  await assertComplete(pool, orders, 3)
  await caughtUp(inbox)
  assert.equal((await inbox.parkedOf('bad'))?.events[0]?.state, 'head')
  await until('the group has committed', async () => (await committed(group, topic.name)) === 4_002n)
  await sendEvents(orders, [4])
  await untilVersion([...orders], 4)
})

test('rule 13: a restored database reads again what it lacks, though Kafka has committed it', async () => {
  const { pool, start, stop, sendEvents, untilVersion, group, topic } = await service()
  const orders = someOrders(300)
  await sendEvents(orders, [1, 2, 3])
  const first = await start()
  await untilVersion(orders, 3)
  await until('the group has committed', async () => (await committed(group, topic.name)) === 900n)
  await stop(first)
  for (const position of ['UPDATE inbox_position SET next_offset = 0', 'DELETE FROM inbox_position']) {
    await restoreTo(pool, position)
    const again = await start()
    await untilVersion(orders, 3)
    await assertComplete(pool, orders, 3)
    await caughtUp(again)
    await stop(again)
  }
})

test('rule 13: a database restored under a running service is read again too', async () => {
  const { pool, start, sendEvents, untilVersion } = await service()
  const orders = someOrders(300)
  await sendEvents(orders, [1, 2])
  const inbox = await start()
  await untilVersion(orders, 2)
  await restoreTo(pool, 'UPDATE inbox_position SET next_offset = 0')
  await sendEvents(orders, [3])
  await untilVersion(orders, 3)
  await assertComplete(pool, orders, 3)
  await caughtUp(inbox)
})

test('rule 13: a group that Kafka has forgotten, or knows further back, applies nothing twice', async () => {
  const { pool, start, stop, sendEvents, untilVersion, group, topic, applied } = await service()
  const orders = someOrders(300)
  await sendEvents(orders, [1, 2])
  const first = await start()
  await untilVersion(orders, 2)
  await caughtUp(first)
  await stop(first)
  await admin.deleteGroups({ groups: [group] })
  assert.equal(await committed(group, topic.name), 0n)
  const second = await start()
  await sendEvents(orders, [3])
  await untilVersion(orders, 3)
  await caughtUp(second)
  await assertComplete(pool, orders, 3)
  assert.equal(applied.length, 900)
})

test('rule 13: markers of transactions, and aborted records, leave no lag behind', async () => {
  const { pool, start, stop, topic, sendEvents, untilVersion } = await service()
  const orders = someOrders(30)
  const inbox = await start()
  const transactional = new Producer({ ...kafka, idempotent: true, transactionalId: unique('tx') })
  cleanups.push(() => transactional.close(true))
  const inTransaction = async (version: number, end: 'commit' | 'abort') => {
    const transaction = await transactional.beginTransaction()
    const messages = orders.map((orderId) => ({
      topic: topic.name,
      key: Buffer.from(orderId),
      value: framed(event(orderId, version)),
    }))
    await transaction.send({ messages })
    await transaction[end]()
  }
  await inTransaction(1, 'commit')
  await untilVersion(orders, 1)
  await caughtUp(inbox)
  await inTransaction(2, 'abort')
  await caughtUp(inbox)
  const positions = await inbox.positions()
  assert.equal(positions.reduce((sum, { next }) => sum + next, 0) > 2 * orders.length, true)
  await stop(inbox)
  await start()
  await sendEvents(orders, [2])
  await untilVersion(orders, 2)
  await assertComplete(pool, orders, 2)
})

test('instances come and go under load: each event is applied once, in order', async () => {
  const { pool, start, stop, sendEvents, untilVersion, applied } = await service()
  const orders = someOrders(200)
  const rounds = 12
  const first = await start()
  await first.ready
  let sending = true
  const coming = (async () => {
    while (sending) {
      const other = await start()
      await other.ready
      await stop(other)
    }
  })()
  for (let version = 1; version <= rounds; version++) {
    await sendEvents(orders, [version])
    await until('half of it', async () => ((await versions(pool)).get(version) ?? 0) > orders.length / 2)
  }
  sending = false
  await coming
  await untilVersion(orders, rounds)
  await assertComplete(pool, orders, rounds)
  assert.equal(applied.length, orders.length * rounds)
})

test('rule 17: sessions that die and a registry that is away only delay; nothing is parked, nothing passes', async () => {
  const { pool, start, sendEvents, untilVersion } = await service()
  const orders = someOrders(500)
  let away = true
  const registry = {
    schemaOf: async (id: number) => {
      if (away) throw new Error('the registry does not answer')
      return modelRegistry.schemaOf(id)
    },
  }
  await sendEvents(orders, [1, 2, 3])
  const metrics = new Registry()
  const inbox = await start({ registry, metrics })
  await inbox.ready
  const value = async (name: string) => (await metrics.getSingleMetric(name)?.get())?.values[0]?.value ?? 0
  await until('it was tried again', async () => (await value('inbox_retries_total')) > 1)
  assert.equal((await versions(pool)).size, 0)
  away = false
  for (let n = 0; n < 20; n++) {
    await pool
      .query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()`)
      .catch((error) => assert.equal(error.code, '57P01'))
  }
  await untilVersion(orders, 3)
  await assertComplete(pool, orders, 3)
  assert.deepEqual((await inbox.parkedOrders({ limit: 10 })).items, [])
})
