// A stop and a start; and backups that are put back while the rest has gone on: the order service's database, Kafka's data.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { before, suite, test } from 'node:test'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { Admin } from '@platformatic/kafka'
import { untilQuiet } from './arrival.ts'
import { Load } from './load.ts'
import { assertUnreached, turkish } from './odd-shell.ts'
import { restartedStack, sharedStack } from './shared-stack.ts'
import { Shop, versionOf } from './shop.ts'
import { sql } from './sql.ts'

suite('restored', () => {
  let stack: Stack
  let shop: Shop
  before(async () => {
    stack = await sharedStack()
    shop = new Shop(stack)
  })
  /** Files of Kafka, and a copy of them as they were at the first stop. */
  const kafka = () => join(stack.data, 'kafka')
  const backup = () => join(stack.data, 'backup')
  async function restart(meanwhile: () => void, env?: Record<string, string>): Promise<void> {
    stack = await restartedStack(meanwhile, env)
    shop = new Shop(stack)
  }

  test('everything is there after the stack was stopped, and started in a Turkish shell with settings of all parts; versions go on', async () => {
    for (const [n, status] of ['new', 'paid', 'sent'].entries()) {
      const answer = n === 0 ? await shop.create('stopped') : await shop.update('stopped', status)
      assert.equal(versionOf(answer), n + 1)
      assert.equal(versionOf(await shop.details('stopped', { minVersion: n + 1 })), n + 1)
    }
    const ids = await shop.topicIds()
    const before = await detailsOf(ids.orderIds)
    await restart(() => cpSync(kafka(), backup(), { recursive: true }), turkish)
    await assertUnreached(stack)
    assert.deepEqual(await shop.topicIds(), ids)
    assert.deepEqual(await detailsOf(ids.orderIds), before)
    assert.equal(versionOf(await shop.inCart('stopped')), 3)
    const answer = await shop.update('stopped', 'after the restart')
    assert.equal(answer.status, 200, answer.text)
    assert.equal(versionOf(answer), 4)
    assert.equal(versionOf(await shop.details('stopped', { minVersion: 4 })), 4)
    assert.equal((await shop.create('stopped')).status, 409)
    assert.equal((await shop.create('new after the restart')).status, 201)
    assert.equal((await shop.details('new after the restart', { minVersion: 1 })).status, 200)
    assert.deepEqual((await shop.topicIds()).orderIds, [...ids.orderIds, 'new after the restart'])
  })
  const detailsOf = (orderIds: string[]) =>
    Promise.all(
      orderIds.map(async (id) => {
        const { status, headers, text } = await shop.details(id)
        return `${status} ${headers.etag} ${text}`
      }),
    )

  /** Statements about a database that nobody may be connected to meanwhile. */
  async function alone(name: string, ...statements: string[]): Promise<void> {
    const server = `postgres://postgres@${stack.address('postgres')}/postgres`
    const end = `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '${name}'`
    for (const statement of [`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`, end, ...statements])
      await sql(server, statement)
    await sql(server, `ALTER DATABASE ${name} ALLOW_CONNECTIONS true`)
  }

  test("rule 13: the order service's database is restored: it reads again what it lacks, nothing lost, nothing twice", async () => {
    const load = new Load(shop, 'database')
    await load.more(300)
    await alone('inorder_order', 'CREATE DATABASE order_backup TEMPLATE inorder_order')
    await load.more(500)
    const applied = () =>
      sql<{ n: number }>(stack.databaseUrl('order'), 'SELECT sum(applied_version)::int AS n FROM inbox_key')
    const before = (await applied())[0]?.n ?? 0
    await alone('inorder_order', 'DROP DATABASE inorder_order', 'ALTER DATABASE order_backup RENAME TO inorder_order')
    await stack.replaced('order')
    await load.more(300)
    await load.arrives(stack)
    assert.ok((await applied())[0]!.n > before)
    const [ids] = await sql<{ ids: number; orders: number }>(
      stack.databaseUrl('order'),
      `SELECT (SELECT count(*)::int FROM topic_keys, unnest(keys)) AS ids,
        (SELECT count(*)::int FROM inbox_key) AS orders`,
    )
    assert.equal(ids?.ids, ids?.orders, 'each order is listed once')
  })

  test("rule 19: Kafka's data is restored: the services go on, and nothing new is passed over", async () => {
    const lost = new Load(shop, 'lost')
    await lost.more(500)
    await lost.end()
    await untilQuiet(stack, shop)
    await restart(() => {
      rmSync(kafka(), { recursive: true })
      cpSync(backup(), kafka(), { recursive: true })
    })
    const after = new Load(shop, 'after')
    await after.more(300)
    await after.end()
    assert.deepEqual(after.unexpected, [])
    for (const [orderId, statuses] of [...lost.changed, ...after.changed]) {
      if (statuses.length === 0) continue
      const details = () => shop.details(orderId, { minVersion: statuses.length, wait: 5 })
      const answer = await until(`${orderId} is there`, async () => {
        const found = await details()
        return found.status === 200 && found
      })
      assert.equal(versionOf(answer), statuses.length)
    }
    const someLost = [...lost.changed].find(([, statuses]) => statuses.length > 0)?.[0] ?? assert.fail()
    const changed = await shop.update(someLost, 'changed-after')
    assert.equal(changed.status, 200, changed.text)
    const seen = await shop.details(someLost, { minVersion: versionOf(changed), wait: 10 })
    assert.equal(seen.json().status, 'changed-after', seen.text)
    assert.deepEqual((await shop.toOrder('/ops/parked')).json().items, [])
  })

  test('rule 19: the topic is deleted and made again: the cart says so, and each service that reads it', async () => {
    const logged = (service: string) =>
      readFileSync(join(stack.data, 'logs', `${service}.log`), 'utf8')
        .split('\n')
        .filter((line) => line.includes('inbox-topic-replaced'))
    assert.equal((await shop.create('before it was made again')).status, 201)
    assert.equal((await shop.details('before it was made again', { minVersion: 1, wait: 30 })).status, 200)
    const alarms = { cart: logged('cart').length, order: logged('order').length }
    const admin = new Admin({ clientId: 'e2e', bootstrapBrokers: stack.address('kafka').split(',') })
    await admin.deleteTopics({ topics: ['order-events'] })
    await until('it is made again', async () => {
      await admin.createTopics({ topics: ['order-events'], partitions: 6, replicas: 1 })
      return true
    })
    await admin.close()
    for (const service of ['cart', 'order'] as const)
      await until(`an alarm of ${service}`, () => logged(service).length === alarms[service] + 1)
    await until('an order goes through', async () => {
      const orderId = `after ${randomUUID()}`
      const { status } = await shop.create(orderId)
      return status === 201 && (await shop.details(orderId, { minVersion: 1 })).status === 200
    })
    for (const service of ['cart', 'order'] as const) assert.equal(logged(service).length, alarms[service] + 1, service)
  })
})
