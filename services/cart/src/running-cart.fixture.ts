// The cart as a process, with the real relay, Kafka and registry.
import { before } from 'node:test'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import { brokers } from '@inorder/testing/parts.ts'
import { startService } from '@inorder/testing/service-process.ts'

const main = new URL('main.ts', import.meta.url)

before(async () => {
  const admin = new KafkaAdmin({ brokers: brokers().split(','), clientId: 'cart-test' })
  await admin.createTopics(
    [{ name: orderEvents.name, partitions: orderEvents.partitions, replicas: 1, configs: {} }],
    10_000,
  )
  await admin.close()
})

export async function startCart(databaseUrl: string, env: Record<string, string> = {}) {
  const service = await startService(main, { DATABASE_URL: databaseUrl, LOG_LEVEL: 'silent', ...env })
  const { url } = service
  const send = (method: string, path: string, body: object, headers = {}) =>
    fetch(url + path, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  return {
    ...service,
    post: (orderId: string, headers = {}, status = 'new') =>
      send('POST', '/create-order', { orderId, itemsNum: 1, status }, headers),
    put: (orderId: string, status: string, headers = {}) => send('PUT', '/update-order', { orderId, status }, headers),
    async get(orderId: string) {
      const answer = await fetch(`${url}/orders/${orderId}`)
      const order = answer.status === 200 ? ((await answer.json()) as { status: string }) : undefined
      return order && `${answer.headers.get('etag')} ${order.status}`
    },
    missing: async () => ((await (await fetch(`${url}/health/ready`)).json()) as { missing: string[] }).missing,
  }
}
