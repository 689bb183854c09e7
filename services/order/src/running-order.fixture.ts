// The order service as main.ts wires it, on a topic and a database of its own, with a proxy before the database.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { createApp } from '@inorder/http/app.ts'
import { Inbox } from '@inorder/messaging/inbox/inbox.ts'
import { heldAmong } from '@inorder/messaging/inbox/parked-listing.ts'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import { partitionOf } from '@inorder/messaging/kafka/partitioner.ts'
import { SerialProducer } from '@inorder/messaging/kafka/producer.ts'
import { SchemaRegistry } from '@inorder/messaging/kafka/registry.ts'
import { frame } from '@inorder/messaging/kafka/wire-format.ts'
import { orDatabaseUnavailable } from '@inorder/service/database-unavailable.ts'
import { migrationsOf } from '@inorder/service/migrations.ts'
import { opsRoutes } from '@inorder/service/ops.ts'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { brokers, freshDatabase, registryUrl, unique } from '@inorder/testing/parts.ts'
import { tcpProxy } from '@inorder/testing/tcp-proxy.ts'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { handled, orderHandler } from './handlers.ts'
import { orderRoutes } from './routes.ts'
import { versionsOf } from './store.ts'
import { VersionWaits } from './version-waits.ts'

const partitions = 3
const registry = new SchemaRegistry({ url: registryUrl(), deadlineMs: 5_000 })

/** Of the trace, and of who asked for the change. */
export const traceId = '0af7651916cd43dd8448eb211c80319c'
const headers = new Map(
  Object.entries({ traceparent: `00-${traceId}-b7ad6b7169203331-01`, 'inorder-actor': 'shop' }).map(([name, value]) => [
    Buffer.from(name),
    Buffer.from(value),
  ]),
)

export type Surroundings = Awaited<ReturnType<typeof surroundings>>

/** A topic and a database of their own. */
export async function surroundings() {
  const topic = { ...orderEvents, name: unique('order-events') }
  const cluster = { brokers: brokers().split(','), clientId: topic.name }
  const admin = new KafkaAdmin(cluster)
  await admin.createTopics([{ name: topic.name, partitions, replicas: 1, configs: {} }], 10_000)
  await admin.close()
  const producer = new SerialProducer(cluster, 0)

  const database = await freshDatabase('order')
  await migrate(database.url, migrationsOf('order', new URL('../migrations', import.meta.url)))
  const direct = openPool({ url: database.url, name: 'order-test', max: 4 })
  const url = new URL(database.url)
  const proxy = await tcpProxy(url.hostname, Number(url.port))
  url.host = `127.0.0.1:${proxy.port}`
  return {
    topic,
    cluster,
    /** To the database around the proxy. */
    direct,
    proxy,
    /** To the database through the proxy. */
    url: url.href,
    async publish(...events: OrderEvent[]): Promise<void> {
      const id = await registry.idOf(topic.subject, topic.value.schema)
      const records = events.map((one) => {
        const key = topic.key.encode(one)
        const value = frame(id, topic.value.encode(one))
        return { topic: topic.name, partition: partitionOf(key, partitions), key, value, headers }
      })
      await producer.send(records, 10_000)
    },
    async close() {
      producer.close()
      await proxy.close()
      await direct.end()
      await database.drop()
    },
  }
}

export type RunningOrder = Awaited<ReturnType<typeof startOrder>>
type Line = Record<string, unknown> & { msg: string }

export async function startOrder({ topic, cluster, url }: Surroundings, kafka = cluster.brokers) {
  const lines: Line[] = []
  const logger = pino({ level: 'debug' }, { write: (line: string) => lines.push(JSON.parse(line)) })
  const pool = openPool({ url, name: 'order', max: 8, deadlineMs: 2_500, onIdleError: () => {} })
  const waits = new VersionWaits({
    versionsOf: (ids) => versionsOf(pool, ids),
    heldAmong: (ids) => heldAmong(pool, ids),
    onPollFailed: () => {},
  })
  const metrics = new Registry()
  const inbox = new Inbox(topic, orderHandler, {
    pool,
    brokers: kafka,
    registry,
    group: topic.name,
    instance: 'order',
    logger,
    metrics,
    onApplied: handled(waits),
  })
  const openapi = { title: 'Order service', description: '' }
  const app = await createApp({
    service: 'order',
    logger,
    metrics,
    ready: async () => [],
    openapi,
    access: { HOST: '127.0.0.1' },
  })
  await app.register(async (scope) => {
    scope.setErrorHandler(orDatabaseUnavailable)
    await scope.register(orderRoutes({ pool, logger, waits, topic: topic.name, inbox }))
    await scope.register(opsRoutes(inbox.ops))
  })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  inbox.start()
  const get = (path: string) => fetch(address + path)
  return {
    lines,
    inbox,
    waits,
    get,
    /** Its 200's body. */
    async json<T>(path: string): Promise<T> {
      const answer = await get(path)
      assert.equal(answer.status, 200, path)
      return (await answer.json()) as T
    },
    /** Its problem's detail, when it is this one, naming these fields. */
    async problem(path: string, status: number, name: string, fields: string[] = []): Promise<string> {
      const answer = await get(path)
      assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/, path)
      const { type, detail, errors = [] } = (await answer.json()) as Problem
      const found = { status: answer.status, name: type.replace(/.*\//, ''), fields: errors.map(({ field }) => field) }
      assert.deepEqual(found, { status, name, fields }, path)
      assert.equal(answer.headers.get('retry-after') !== null, status === 503 && name !== 'order-held', path)
      return detail
    },
    async close() {
      await app.close()
      await inbox.close()
      await pool.end()
    },
  }
}

interface Problem {
  type: string
  detail: string
  errors?: { field: string }[]
}

export const details = (orderId: string, more = '') => `/order-details?orderId=${encodeURIComponent(orderId)}${more}`

export const orderEvent = (orderId: string, version = 1, over: Partial<OrderEvent['order']> = {}): OrderEvent => ({
  eventId: randomUUID(),
  type: version === 1 ? 'OrderCreated' : 'OrderStatusChanged',
  orderId,
  version,
  occurredAt: '2026-11-23T14:20:20.000Z',
  order: {
    orderId,
    customerId: 'c-17',
    orderDate: '2026-11-23T14:20:19.000Z',
    items: [{ itemId: 'i-1', quantity: 2, price: 19.99 }],
    totalAmount: 39.98,
    currency: 'USD',
    status: 'new',
    ...over,
  },
  previousStatus: version === 1 ? null : 'new',
})
