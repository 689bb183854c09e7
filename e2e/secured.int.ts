// An order's whole way where nobody gets in without a login and nobody may do more than it needs: Kafka with TLS, SCRAM and
// the ACLs of deploy/kafka, a registry with TLS and a password, and the database roles of deploy/postgres.
import '../packages/messaging/src/kafka/secured-kafka.int.ts'
import '../packages/messaging/src/kafka/secured-registry.int.ts'
import './doctor.int.ts'
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { registryBehindDoor } from '@inorder/messaging/kafka/registry-door.fixture.ts'
import { passwordOf, securedKafka } from '@inorder/messaging/kafka/secured-kafka.fixture.ts'
import type { ServiceProcess } from '@inorder/testing/service-process.ts'
import { until } from '@inorder/testing/until.ts'
import {
  commonSettings,
  loginOf,
  makeDatabase,
  type OwnDatabase,
  runSql,
  script,
  startSecured,
} from './secured-services.ts'

const running: ServiceProcess[] = []
const databases: OwnDatabase[] = []

/** At once, beside the suites of the clients: a login that was denied is tried again after 10 s. */
const mended = startAndMend()
mended.catch(() => {})

suite('services with the rights that they need, and no others', () => {
  after(async () => {
    await mended.catch(() => {})
    await Promise.all(running.map((service) => service.stop()))
    await Promise.all(databases.map((database) => database.drop()))
  })

  test('what is missing is said until it is mended; then an order goes its whole way, and no secret is in a log', async () => {
    const { cart, order } = await mended
    const created = await fetch(`${cart.url}/create-order`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: 'wait=20' },
      body: '{"orderId":"o-1","itemsNum":2}',
    })
    assert.equal(created.status, 201)
    assert.equal((await order.get('/order-details?orderId=o-1&minVersion=1&wait=20')).status, 200)

    for (const { url } of databases) {
      const owned = 'SELECT count(*)::int AS objects FROM pg_class WHERE relowner = current_user::regrole'
      assert.deepEqual(await runSql(url, owned), [{ objects: 0 }])
      await assert.rejects(runSql(url, 'CREATE TABLE mine ()'), /permission denied/)
      // What the upkeep of a service does.
      await runSql(url, 'SELECT outbox_shrink(0); VACUUM (TRUNCATE OFF) outbox')
    }
    for (const service of running) {
      assert.doesNotMatch(service.logged() + service.said(), /-secret/)
      assert.doesNotMatch(readFileSync(`/proc/${service.child.pid}/cmdline`, 'latin1'), /-secret|postgres:/)
    }
    assert.equal(order.alarms('kafka-denied').length, 1)
  })
})

/** A cart and an order service that lack their tables, and a password of Kafka; both ready once that is mended. */
async function startAndMend(): Promise<{ cart: ServiceProcess; order: ServiceProcess }> {
  const make = async (service: string) => {
    const database = await makeDatabase(service)
    databases.push(database)
    return database
  }
  const parts = [securedKafka(), registryBehindDoor(), make('cart'), make('order')] as const
  const [kafka, registry, ofCart, ofOrder] = await Promise.all(parts)
  const settings = { ...commonSettings(kafka, registry), LOG_LEVEL: 'info' }
  const start = async (service: string, env: Record<string, string>) => {
    const started = await startSecured(service, { ...settings, ...env })
    running.push(started)
    return started
  }
  const password = join(kafka.folder, 'password-of-order')
  writeFileSync(password, 'wrong-secret')
  const database = join(kafka.folder, 'database-of-order')
  writeFileSync(database, `${ofOrder.url}\n`)
  const files = { DATABASE_URL_FILE: database, KAFKA_SASL_PASSWORD_FILE: password }
  const order = await start('order', { ...files, KAFKA_SASL_USERNAME: 'order' })
  const cart = await start('cart', { ...loginOf('cart'), DATABASE_URL: ofCart.url })
  await Promise.all([
    script('stack/src/prepare.ts', [], { ...settings, ...loginOf('setup') }),
    ...running.map((service) => says(service, /database \(.*lacks migrations .*npm run migrate/)),
  ])
  await Promise.all([ofCart.migrate(), ofOrder.migrate()])
  await says(order, /kafka \(.*refuses the login.*KAFKA_SASL_PASSWORD/)
  writeFileSync(password, passwordOf('order'))
  await Promise.all([cart.ready(), order.ready()])
  return { cart, order }
}

const says = (service: ServiceProcess, pattern: RegExp) =>
  until(`it is not ready: ${pattern}`, async () => {
    const answer = await service.get('/health/ready')
    return answer.status === 503 && pattern.test(((await answer.json()) as { missing: string[] }).missing.join('; '))
  })
