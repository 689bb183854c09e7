// An order's whole way where nobody gets in without a login and nobody may do more than it needs: Kafka with TLS, SCRAM and
// the ACLs of deploy/kafka, a registry with TLS and a password, and the database roles of deploy/postgres.
import '../packages/messaging/src/kafka/secured-kafka.int.ts'
import '../packages/messaging/src/kafka/secured-registry.int.ts'
import './doctor.int.ts'
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { passwordOf, type SecuredKafka, securedKafka } from '@inorder/messaging/kafka/secured-kafka.fixture.ts'
import { securedRegistry } from '@inorder/messaging/kafka/secured-registry.fixture.ts'
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

suite('services with the rights that they need, and no others', () => {
  let kafka: SecuredKafka
  let settings: Record<string, string>
  let ofCart: OwnDatabase
  let ofOrder: OwnDatabase
  const running: ServiceProcess[] = []

  before(async () => {
    const [secured, registry] = await Promise.all([securedKafka(), securedRegistry()])
    kafka = secured
    settings = { ...commonSettings(kafka, registry), LOG_LEVEL: 'info' }
    await script('stack/src/prepare.ts', [], { ...settings, ...loginOf('setup') })
    ofCart = await makeDatabase('cart')
    ofOrder = await makeDatabase('order')
  })
  after(async () => {
    await Promise.all(running.map((service) => service.stop()))
    await ofCart?.drop()
    await ofOrder?.drop()
  })

  const start = async (service: string, env: Record<string, string>) => {
    const started = await startSecured(service, { ...settings, ...env })
    running.push(started)
    return started
  }
  const says = (service: ServiceProcess, pattern: RegExp) =>
    until(`it is not ready: ${pattern}`, async () => {
      const answer = await service.get('/health/ready')
      return answer.status === 503 && pattern.test(((await answer.json()) as { missing: string[] }).missing.join('; '))
    })

  test('what is missing is said until it is mended; then an order goes its whole way, and no secret is in a log', async () => {
    const cart = await start('cart', { ...loginOf('cart'), DATABASE_URL: ofCart.url })
    const password = join(kafka.folder, 'password-of-order')
    writeFileSync(password, 'wrong-secret')
    const database = join(kafka.folder, 'database-of-order')
    writeFileSync(database, `${ofOrder.url}\n`)
    const files = { DATABASE_URL_FILE: database, KAFKA_SASL_PASSWORD_FILE: password }
    const order = await start('order', { ...files, KAFKA_SASL_USERNAME: 'order' })
    for (const service of [cart, order]) await says(service, /database \(.*lacks migrations .*npm run migrate/)
    await Promise.all([ofCart.migrate(), ofOrder.migrate()])
    await says(order, /kafka \(.*refuses the login.*KAFKA_SASL_PASSWORD/)
    writeFileSync(password, passwordOf('order'))
    await Promise.all([cart.ready(), order.ready()])

    const created = await fetch(`${cart.url}/create-order`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: 'wait=20' },
      body: '{"orderId":"o-1","itemsNum":2}',
    })
    assert.equal(created.status, 201)
    assert.equal((await order.get('/order-details?orderId=o-1&minVersion=1&wait=20')).status, 200)

    for (const { url } of [ofCart, ofOrder]) {
      const owned = 'SELECT count(*)::int AS objects FROM pg_class WHERE relowner = current_user::regrole'
      assert.deepEqual(await runSql(url, owned), [{ objects: 0 }])
      await assert.rejects(runSql(url, 'CREATE TABLE mine ()'), /permission denied/)
      // What the upkeep of a service does.
      await runSql(url, 'SELECT outbox_shrink(0); VACUUM (TRUNCATE OFF) outbox')
    }
    for (const service of [cart, order]) {
      assert.doesNotMatch(service.logged() + service.said(), /-secret/)
      assert.doesNotMatch(readFileSync(`/proc/${service.child.pid}/cmdline`, 'latin1'), /-secret|postgres:/)
    }
    assert.equal(order.alarms('kafka-denied').length, 1)
  })
})
