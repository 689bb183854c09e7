// `npm run test:secured`: all services against three brokers with TLS, SCRAM and ACLs whose logins hold for 10 s, a registry
// with TLS and a password, each under its own role in PostgreSQL. Orders for a minute: nothing is lost, reordered or reported.
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { startSecuredKafka } from '@inorder/messaging/kafka/secured-kafka.fixture.ts'
import { securedRegistry } from '@inorder/messaging/kafka/secured-registry.fixture.ts'
import type { ServiceProcess } from '@inorder/testing/service-process.ts'
import { type Stack, startStack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { commonSettings, loginOf, makeDatabase, script, startSecured } from './secured-services.ts'

const loadMs = Number(process.env.SECURED_LOAD_MS ?? 60_000)
const clients = 16

suite('a secured cluster', () => {
  const services = new Map<string, ServiceProcess>()
  let stack: Stack

  before(async () => {
    const [kafka, registry] = await Promise.all([
      startSecuredKafka({ brokers: 3, reauthenticateMs: 10_000 }),
      securedRegistry(),
    ])
    const common = commonSettings(kafka, registry)
    await script('stack/src/prepare.ts', [], { ...common, ...loginOf('setup') })
    // The starter gets at them with the same settings.
    stack = await startStack({ env: { ...common, ...loginOf('setup'), INORDER_SERVICES: 'payment,carrier' } })
    process.env.TEST_DATABASE_URL = `postgres://postgres@${stack.address('postgres')}/postgres`
    process.env.TEST_KAFKA_BROKERS = kafka.secured
    process.env.TEST_SCHEMA_REGISTRY_URL = registry.url
    const sandboxes = { PAYMENT_URL: stack.url('payment'), CARRIER_URL: stack.url('carrier') }
    for (const name of ['cart', 'order', 'inventory', 'billing', 'shipping']) {
      const database = await makeDatabase(name)
      await database.migrate()
      const env = { ...common, ...sandboxes, ...loginOf(name), DATABASE_URL: database.url }
      services.set(name, await startSecured(name, env))
    }
    await Promise.all([...services.values()].map((service) => service.ready()))
  })
  after(async () => {
    await Promise.all([...services.values()].map((service) => service.stop()))
    await stack?.stop()
  })

  test('logins that hold for 10 s, a minute of orders: nothing is lost, reordered or reported', async () => {
    const cart = services.get('cart')!
    const end = performance.now() + loadMs
    const versions = new Map<string, number>()
    const ask = async (method: string, path: string, body: object): Promise<Response> => {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(cart.url + path, { method, headers, body: JSON.stringify(body) })
      await answer.text()
      // Nothing was stored: the cart cannot keep up.
      return answer.status === 503 ? ask(method, path, body) : answer
    }
    const before = new Map([...services].map(([name, service]) => [name, service.logged().length]))
    let pending = 0
    const load = async (client: number) => {
      for (let n = 0; performance.now() < end; n++) {
        const orderId = `o-${client}-${n}`
        const created = await ask('POST', '/create-order', { orderId, itemsNum: 1 })
        assert.ok([201, 202].includes(created.status), `${created.status}`)
        const changed = await ask('PUT', '/update-order', { orderId, status: 'confirmed' })
        assert.ok([200, 202].includes(changed.status), `${changed.status}`)
        versions.set(orderId, 2)
        if (created.status === 202 || changed.status === 202) pending++
      }
    }
    await Promise.all(Array.from({ length: clients }, (_, client) => load(client)))
    for (const [name, service] of services) {
      if (name === 'cart') continue
      await until(`${name} has read it all`, async () => {
        const { items } = (await (await service.get('/ops/positions')).json()) as { items: { lag: number | null }[] }
        return items.every(({ lag }) => lag === 0)
      })
      const parked = (await (await service.get('/ops/parked')).json()) as { items: unknown[] }
      assert.deepEqual(parked.items, [], name)
    }
    const order = services.get('order')!
    for (const [orderId, version] of versions) {
      const found = await order.get(`/order-details?orderId=${orderId}&minVersion=${version}`)
      assert.equal(found.status, 200, orderId)
      await found.body?.cancel()
    }
    console.log(`${versions.size} orders, of which ${pending} were answered before Kafka had them`)
    for (const [name, service] of services)
      assert.doesNotMatch(
        service.logged().slice(before.get(name)),
        /Kafka is unavailable|reading the topic failed|kafka-denied/,
        name,
      )
  })
})
