// The cart as a process, with the real relay, Kafka and registry.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import { brokers, freshDatabase, registryUrl, unique } from '@inorder/testing/parts.ts'
import { type TcpProxy, tcpProxy } from '@inorder/testing/tcp-proxy.ts'
import { until } from '@inorder/testing/until.ts'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
let database: Awaited<ReturnType<typeof freshDatabase>>
const running = new Set<ChildProcess>()

before(async () => {
  database = await freshDatabase('cart')
  const admin = new KafkaAdmin({ brokers: brokers().split(','), clientId: 'cart-test' })
  await admin.createTopics(
    [{ name: orderEvents.name, partitions: orderEvents.partitions, replicas: 1, configs: {} }],
    10_000,
  )
  await admin.close()
})
after(async () => {
  for (const child of running) child.kill('SIGKILL')
  await database.drop()
})

async function start(env: Record<string, string> = {}) {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as { port: number }
  await new Promise((resolve) => listener.close(resolve))
  const parts = { DATABASE_URL: database.url, KAFKA_BROKERS: brokers(), SCHEMA_REGISTRY_URL: registryUrl() }
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH, PORT: String(port), LOG_LEVEL: 'silent', ...parts, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  let said = ''
  child.stderr.on('data', (piece) => {
    said += piece
  })
  const url = `http://127.0.0.1:${port}`
  const post = (orderId: string, headers = {}) =>
    fetch(`${url}/create-order`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ orderId, itemsNum: 1 }),
    })
  return {
    child,
    post,
    missing: async () => ((await (await fetch(`${url}/health/ready`)).json()) as { missing: string[] }).missing,
    ready: () => until('it is ready', async () => (await fetch(`${url}/health/ready`)).status === 200),
    said: () => said,
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      return (await ended)[0] as number
    },
  }
}

test('two instances on one database: each answers 201 for its own orders', async () => {
  const carts = await Promise.all(['cart', 'cart-2'].map((INSTANCE) => start({ INSTANCE })))
  await Promise.all(carts.map(({ ready }) => ready()))
  for (const { post } of carts) {
    await until('it hears of its events', async () => (await post(unique('o'))).status === 201)
    const answer = await post(unique('o'), { prefer: 'wait=30' })
    assert.deepEqual([answer.status, answer.headers.get('event-delivery')], [201, 'delivered'])
  }
  assert.deepEqual(await Promise.all(carts.map(({ stop }) => stop())), [0, 0])
})

test('the database is away at the start: it listens, says so, and is ready by itself when the database comes', async () => {
  const proxy = await proxyToDatabase()
  proxy.refuse(true)
  const cart = await start({ DATABASE_URL: proxy.url })
  await until('it names the database', async () => (await cart.missing()).includes('database'))
  const answer = await cart.post(unique('o'))
  assert.deepEqual([answer.status, answer.headers.has('retry-after')], [503, true])
  proxy.refuse(false)
  await cart.ready()
  assert.ok([201, 202].includes((await cart.post(unique('o'))).status))
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
