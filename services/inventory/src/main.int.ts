// The service as a process, with real Kafka, registry and database.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import { partitionOf } from '@inorder/messaging/kafka/partitioner.ts'
import { SerialProducer } from '@inorder/messaging/kafka/producer.ts'
import { SchemaRegistry } from '@inorder/messaging/kafka/registry.ts'
import { frame } from '@inorder/messaging/kafka/wire-format.ts'
import type { AuditEntry } from '@inorder/messaging/outbox/ops.ts'
import { brokers, freshDatabase, registryUrl, unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import type { Line } from './demand.ts'
import { orderEvent } from './orders.fixture.ts'

const cluster = { brokers: brokers().split(','), clientId: 'inventory-test' }
const registry = new SchemaRegistry({ url: registryUrl(), deadlineMs: 5_000 })
const producer = new SerialProducer(cluster, 0)
let database: Awaited<ReturnType<typeof freshDatabase>>
let service: ChildProcess
let logged = ''
let url: string

before(async () => {
  database = await freshDatabase('inventory')
  const admin = new KafkaAdmin(cluster)
  await admin.createTopics(
    [{ name: orderEvents.name, partitions: orderEvents.partitions, replicas: 1, configs: {} }],
    10_000,
  )
  await admin.close()
  await start()
})
after(async () => {
  service.kill('SIGKILL')
  producer.close()
  await database.drop()
})

async function start(): Promise<void> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as { port: number }
  await new Promise((resolve) => listener.close(resolve))
  const parts = { DATABASE_URL: database.url, KAFKA_BROKERS: brokers(), SCHEMA_REGISTRY_URL: registryUrl() }
  service = spawn(process.execPath, [fileURLToPath(new URL('main.ts', import.meta.url))], {
    env: { PATH: process.env.PATH, PORT: String(port), LOG_LEVEL: 'info', ...parts },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  service.stdout?.on('data', (text) => {
    logged += text
  })
  url = `http://127.0.0.1:${port}`
  await until('it is ready', async () => (await fetch(`${url}/health/ready`)).status === 200)
}

async function publish(orderId: string, status: string, lines: Line[], version = 1): Promise<void> {
  const event = orderEvent(orderId, status, lines, version)
  const key = orderEvents.key.encode(event)
  const value = frame(
    await registry.idOf(orderEvents.subject, orderEvents.value.schema),
    orderEvents.value.encode(event),
  )
  const partition = partitionOf(key, orderEvents.partitions)
  await producer.send([{ topic: orderEvents.name, partition, key, value, headers: new Map() }], 10_000)
}

const stockPath = (itemId: string) => `/stock/${encodeURIComponent(itemId)}`
const get = (path: string) => fetch(url + path)
const put = (itemId: string, body: unknown) =>
  fetch(url + stockPath(itemId), {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
async function reservation(orderId: string, status: string) {
  return until(`${orderId} is ${status}`, async () => {
    const answer = await get(`/reservations/${encodeURIComponent(orderId)}`)
    const body = (await answer.json()) as { status: unknown; lines: unknown }
    return body.status === status && body
  })
}
async function assertProblem(answer: Response, status: number, name: string, fields: string[] = []): Promise<void> {
  const { type, errors = [] } = (await answer.json()) as { type: string; errors?: { field: string }[] }
  assert.deepEqual([answer.status, type, errors.map(({ field }) => field)], [status, `/problems/${name}`, fields])
}
const answered = async (answer: Response) => ({ status: answer.status, body: await answer.json() })

test('stock is set, read, and not set below what is reserved', async () => {
  const itemId = unique('ä /%')
  await assertProblem(await get(stockPath(itemId)), 404, 'item-not-found')
  const five = { itemId, onHand: 5, reserved: 0, available: 5 }
  assert.deepEqual(await answered(await put(itemId, { onHand: 5 })), { status: 200, body: five })
  assert.deepEqual(await answered(await get(stockPath(itemId))), { status: 200, body: five })

  const line = await until('its line is in the log', async () => {
    return logged.split('\n').find((text) => text.includes('stock of an item was set'))
  })
  const { level, operator, ...told } = JSON.parse(line)
  assert.deepEqual([level, operator, told.itemId, told.onHand], ['info', '127.0.0.1', itemId, 5])

  const orderId = unique('o /ü')
  await publish(orderId, 'new', [{ itemId, quantity: 3 }])
  await reservation(orderId, 'reserved')
  await assertProblem(await put(itemId, { onHand: 2 }), 409, 'stock-reserved')
  const three = { itemId, onHand: 3, reserved: 3, available: 0 }
  assert.deepEqual(await answered(await put(itemId, { onHand: 3 })), { status: 200, body: three })
  const most = { itemId, onHand: 1_000_000_000_000, reserved: 3, available: 999_999_999_997 }
  assert.deepEqual(await answered(await put(itemId, { onHand: most.onHand })), { status: 200, body: most })
  // What changes nothing is no entry.
  await put(itemId, { onHand: most.onHand })
  const audit = (await (await get('/ops/audit')).json()) as { items: AuditEntry[] }
  const acts = audit.items.filter(({ key }) => key === `@item:${itemId}`)
  assert.deepEqual(
    acts.map(({ operator, action, before, after }) => [operator, action, before, after]),
    [
      [3, most.onHand],
      [5, 3],
      [null, 5],
    ].map(([before, onHand]) => [
      '127.0.0.1',
      'set-stock',
      { own: before === null ? null : { onHand: before } },
      { own: { onHand } },
    ]),
  )
})

test('what is no count is refused', async () => {
  for (const onHand of [-1, 1.5, '3', null, 1_000_000_000_001])
    await assertProblem(await put('i', { onHand }), 400, 'invalid-request', ['onHand'])
  await assertProblem(await put('i', {}), 400, 'invalid-request', ['onHand'])
  await assertProblem(await put('i', { onHand: 1, reserved: 0 }), 400, 'invalid-request', ['reserved'])
  await assertProblem(await put('a'.repeat(129), { onHand: 1 }), 400, 'invalid-request', ['itemId'])
  await assertProblem(await get(stockPath('a\0')), 400, 'invalid-request', ['itemId'])
  await assertProblem(await get(stockPath('i')), 404, 'item-not-found')
  await assertProblem(await get(`/reservations/${unique('never')}`), 404, 'order-not-found')
})

test('an order waits for its items, is reserved when they come, and leaves', async () => {
  const [orderId, x, y] = [unique('o'), unique('x'), unique('y')]
  const lines = [
    { itemId: x, quantity: 1 },
    { itemId: y, quantity: 1_000_000 },
    { itemId: x, quantity: 1 },
  ]
  await publish(orderId, 'new', lines)
  assert.deepEqual(await reservation(orderId, 'backordered'), {
    orderId,
    status: 'backordered',
    lines: [
      { itemId: x, quantity: 2, short: 0 },
      { itemId: y, quantity: 1_000_000, short: 0 },
    ],
  })
  await put(x, { onHand: 2 })
  await put(y, { onHand: 1_000_001 })
  await reservation(orderId, 'reserved')
  await publish(orderId, 'shipped', lines, 2)
  await reservation(orderId, 'shipped')
  assert.deepEqual((await answered(await get(stockPath(y)))).body, { itemId: y, onHand: 1, reserved: 0, available: 1 })
})

test('shipped short, cancelled, and started again: each says what became of it', async () => {
  const [short, gone, x] = [unique('o'), unique('o'), unique('x')]
  await put(x, { onHand: 2 })
  const lines = [{ itemId: x, quantity: 3 }]
  for (const orderId of [short, gone]) await publish(orderId, 'new', lines)
  for (const orderId of [short, gone]) await reservation(orderId, 'backordered')
  await publish(short, 'delivered', lines, 2)
  await publish(gone, 'cancelled', lines, 2)
  await reservation(gone, 'released')
  const ended = once(service, 'exit')
  service.kill('SIGTERM')
  assert.equal((await ended)[0], 0)
  await start()
  const { lines: left } = await reservation(short, 'shipped')
  assert.deepEqual(left, [{ itemId: x, quantity: 3, short: 1 }])
  assert.deepEqual((await answered(await get(stockPath(x)))).body, { itemId: x, onHand: 0, reserved: 0, available: 0 })
})
