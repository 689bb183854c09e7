// The cart as a process, with the real relay, Kafka and registry.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { lifecycle } from '@inorder/contracts/lifecycle.ts'
import { digestOf } from '@inorder/http/api-keys.ts'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import { type TcpProxy, tcpProxy } from '@inorder/testing/tcp-proxy.ts'
import { until } from '@inorder/testing/until.ts'
import { readOrders } from './restored.fixture.ts'
import { startCart } from './running-cart.fixture.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
before(async () => {
  database = await freshDatabase('cart')
})
after(() => database.drop())

const start = (env?: Record<string, string>) => startCart(database.url, env)

test('two instances on one database: each answers 201 for its own orders; an event says who asked, where callers are asked', async (t) => {
  const keys = join(mkdtempSync(join(tmpdir(), 'inorder-cart-')), 'keys')
  t.after(() => rmSync(dirname(keys), { recursive: true }))
  const key = 'ino_of-the-shop'
  writeFileSync(keys, `café-1 ${digestOf(key).toString('hex')} orders:write`)
  const carts = await Promise.all([start({ INSTANCE: 'cart' }), start({ INSTANCE: 'cart-2', API_KEYS_FILE: keys })])
  await Promise.all(carts.map(({ ready }) => ready()))
  const headers = { authorization: `Bearer ${key}` }
  const orderIds: string[] = []
  for (const { post } of carts) {
    await until('it hears of its events', async () => (await post(unique('o'), headers)).status === 201)
    const orderId = unique('o')
    const answer = await post(orderId, { ...headers, prefer: 'wait=30' })
    assert.deepEqual([answer.status, answer.headers.get('event-delivery')], [201, 'delivered'])
    orderIds.push(orderId)
  }
  const actors = new Map<string, string | undefined>()
  await readOrders(async (records) => {
    for (const record of records) {
      const actor = record.headers.find(([name]) => String(name) === 'inorder-actor')?.[1]
      actors.set(String(record.key), actor?.toString())
    }
  })
  assert.deepEqual(
    orderIds.map((orderId) => actors.get(orderId)),
    [undefined, 'café-1'],
  )
  assert.ok(orderIds.every((orderId) => actors.has(orderId)))
  assert.deepEqual(await Promise.all(carts.map(({ stop }) => stop())), [0, 0])
})

test('the database is away at the start: it listens, says so, and is ready by itself when the database comes', async () => {
  const proxy = await proxyToDatabase()
  proxy.refuse(true)
  const cart = await start({ DATABASE_URL: proxy.url })
  await until('it names the database', async () => (await cart.missing()).includes('database'))
  const answer = await cart.post(unique('o'))
  assert.deepEqual([answer.status, answer.headers.has('retry-after')], [503, true])
  const metrics = async () => (await fetch(`${cart.url}/metrics`)).text()
  const waiting = /^inorder_outbox_waiting_rows \d/m
  assert.doesNotMatch(await metrics(), waiting)
  proxy.refuse(false)
  await cart.ready()
  assert.ok([201, 202].includes((await cart.post(unique('o'))).status))
  assert.match(await metrics(), /^inorder_group_commit_size_sum [1-9]/m)
  await until('the metrics have what the database knows', async () => waiting.test(await metrics()))
  proxy.fate = () => 'swallowed'
  await until('a frozen one holds no scrape up, and is left out', async () => !waiting.test(await metrics()))
  proxy.fate = () => 'through'
  assert.equal(await cart.stop(), 0)
  await proxy.close()
})

test('Kafka and registry are away: ready all the same after 5 s, orders are 202 at once, strict ones 503', async () => {
  const began = performance.now()
  const cart = await start({ KAFKA_BROKERS: '127.0.0.1:1', SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1' })
  await until('it names both', async () => String(await cart.missing()) === 'kafka,registry')
  await cart.ready()
  assert.ok(performance.now() - began > 5_000)
  const asked = performance.now()
  assert.equal((await cart.post(unique('o'), { prefer: 'wait=30' })).status, 202)
  assert.ok(performance.now() - asked < 1_000)
  assert.equal((await cart.post(unique('o'), { prefer: 'handling=strict' })).status, 503)
  assert.equal(await cart.stop(), 0)
})

test('DELIVERY=strict: every write is strict', async () => {
  const cart = await start({ KAFKA_BROKERS: '127.0.0.1:1', DELIVERY: 'strict' })
  await until('its database is prepared', async () => !(await cart.missing()).includes('database'))
  assert.equal((await cart.post(unique('o'))).status, 503)
  assert.equal(await cart.stop(), 0)
})

test('ORDER_LIFECYCLE=strict: an illegal move is 409 and names the legal ones, also when it is repeated', async () => {
  const cart = await start({ ORDER_LIFECYCLE: 'strict' })
  await cart.ready()
  const orderId = unique('o')
  const refused = async (answer: Response) => {
    assert.equal(answer.status, 409)
    const { type, from, allowed } = (await answer.json()) as { type: string; from: string | null; allowed: string[] }
    assert.match(type, /illegal-move$/)
    return [from, allowed]
  }
  assert.deepEqual(await refused(await cart.post(orderId, {}, 'shipped')), [null, lifecycle.first])
  assert.equal((await cart.post(orderId, { prefer: 'wait=30' })).status, 201)
  const key = { 'idempotency-key': unique('k') }
  const first = await refused(await cart.put(orderId, 'delivered', key))
  assert.deepEqual(first, ['new', lifecycle.moves.new])
  assert.deepEqual(await refused(await cart.put(orderId, 'gift-wrapped')), first)
  for (const status of ['confirmed', 'confirmed', 'shipped'])
    assert.equal((await cart.put(orderId, status, { prefer: 'wait=30' })).status, 200)
  assert.deepEqual(await refused(await cart.put(orderId, 'delivered', key)), first)
  assert.equal(await cart.stop(), 0)
})

test('a bad setting is named, and the exit code is 1', async () => {
  const cart = await start({ DELIVERY: 'sometimes', PORT: 'http' })
  await until('it has ended', () => cart.child.exitCode !== null)
  assert.equal(cart.child.exitCode, 1)
  assert.match(cart.said(), /PORT.*DELIVERY|DELIVERY.*PORT/)
})

async function proxyToDatabase(): Promise<TcpProxy & { url: string }> {
  const url = new URL(database.url)
  const proxy = await tcpProxy(url.hostname, Number(url.port))
  url.port = String(proxy.port)
  return Object.assign(proxy, { url: url.href })
}
