// The cart as a process, with the real relay, Kafka and registry.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, before } from 'node:test'
import { fileURLToPath } from 'node:url'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import { brokers, registryUrl } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
const running = new Set<ChildProcess>()

before(async () => {
  const admin = new KafkaAdmin({ brokers: brokers().split(','), clientId: 'cart-test' })
  await admin.createTopics(
    [{ name: orderEvents.name, partitions: orderEvents.partitions, replicas: 1, configs: {} }],
    10_000,
  )
  await admin.close()
})
after(() => {
  for (const child of running) child.kill('SIGKILL')
})

export async function startCart(databaseUrl: string, env: Record<string, string> = {}) {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as { port: number }
  await new Promise((resolve) => listener.close(resolve))
  const parts = { DATABASE_URL: databaseUrl, KAFKA_BROKERS: brokers(), SCHEMA_REGISTRY_URL: registryUrl() }
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
  const send = (method: string, path: string, body: object, headers = {}) =>
    fetch(url + path, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  return {
    child,
    post: (orderId: string, headers = {}, status = 'new') =>
      send('POST', '/create-order', { orderId, itemsNum: 1, status }, headers),
    put: (orderId: string, status: string, headers = {}) => send('PUT', '/update-order', { orderId, status }, headers),
    async get(orderId: string) {
      const answer = await fetch(`${url}/orders/${orderId}`)
      const order = answer.status === 200 ? ((await answer.json()) as { status: string }) : undefined
      return order && `${answer.headers.get('etag')} ${order.status}`
    },
    missing: async () => ((await (await fetch(`${url}/health/ready`)).json()) as { missing: string[] }).missing,
    ready: () => until('it is ready', async () => (await fetch(`${url}/health/ready`)).status === 200),
    said: () => said,
    async kill() {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      return (await ended)[0] as number
    },
  }
}
