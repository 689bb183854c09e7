// Rule 12: another database is put in the place of the cart's while carts run: a backup, a copy, a promoted standby.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type KafkaProxy, kafkaProxy } from '@inorder/testing/kafka-proxy.ts'
import { brokers, freshDatabase, serverUrl, unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import { inLog, outboxIsEmpty, sql } from './restored.fixture.ts'
import { startCart } from './running-cart.fixture.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
let proxy: KafkaProxy
before(async () => {
  database = await freshDatabase('cart')
  proxy = await kafkaProxy(brokers().split(',')[0]!)
})
after(async () => {
  await proxy.close()
  await sql(serverUrl(), `DROP DATABASE IF EXISTS ${name()}_before WITH (FORCE)`)
  await database.drop()
})

type Cart = Awaited<ReturnType<typeof startCart>>

const name = () => new URL(database.url).pathname.slice(1)

/** The backup takes the place of the database, under whoever is connected to it. */
async function swap(): Promise<void> {
  await sql(serverUrl(), `ALTER DATABASE ${name()} ALLOW_CONNECTIONS false`)
  await sql(
    serverUrl(),
    `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '${name()}'`,
    `ALTER DATABASE ${name()} RENAME TO ${name()}_before`,
    `ALTER DATABASE ${name()}_backup RENAME TO ${name()}`,
  )
}

const accepted = async (answer: Promise<Response>) => {
  const { status } = await answer
  assert.ok([200, 201, 202].includes(status), String(status))
}

/** What was answered, as `200 "2"` or `503 not-ready`. */
async function told(answer: Promise<Response>): Promise<string> {
  const found = await answer.catch(() => undefined)
  if (!found) return 'none'
  const { type } = (await found.json()) as { type?: string }
  return `${found.status} ${type?.replace('/problems/', '') ?? found.headers.get('etag')}`
}

test('rule 12: carts whose database is swapped take nothing before the log was read, Kafka away or not; nothing accepted is dropped', async () => {
  const [changed, fresh] = ['changed', 'fresh'].map(unique) as [string, string]
  const first = await startCart(database.url)
  await first.ready()
  await accepted(first.post(changed))
  await outboxIsEmpty(database.url)
  assert.equal(await first.stop(), 0)
  await sql(serverUrl(), `CREATE DATABASE ${name()}_backup TEMPLATE ${name()}`)

  const start = (instance: string) =>
    startCart(database.url, { KAFKA_BROKERS: proxy.address, INSTANCE: instance, LOG_LEVEL: 'error' })
  const carts = await Promise.all(['cart', 'cart-2'].map(start))
  for (const cart of carts) await cart.ready()
  await accepted(carts[0]!.put(changed, 'paid'))
  await accepted(carts[1]!.post(fresh))
  await outboxIsEmpty(database.url)
  const alarms = () => carts.map((cart) => cart.alarms('database-swapped').length)
  assert.deepEqual(alarms(), [0, 0], 'the first database is no alarm')

  proxy.fate = () => 'cut'
  await swap()
  const answers: string[] = []
  const tryBoth = async (cart: Cart, status: string) => {
    answers.push(await told(cart.put(changed, status)), await told(cart.post(fresh)))
  }
  for (const cart of carts) {
    await until('only the log is missing', async () => {
      await tryBoth(cart, 'lost')
      return String(await cart.missing()) === 'log'
    })
    // Also after it has its sessions again, and would publish.
    for (let n = 0; n < 20; n++) await tryBoth(cart, `lost-${n}`)
    assert.deepEqual(answers.slice(-2), ['503 not-ready', '503 not-ready'])
  }
  const wrong = answers.filter((answer) => !/^(503 (not-ready|database-away)$|none)/.test(answer))
  await until('each cart says so', () => !alarms().includes(0))
  assert.deepEqual(wrong, [], 'nothing is accepted, and nothing is said of what the log knows better')

  proxy.fate = () => 'through'
  for (const cart of carts) await cart.ready()
  assert.equal(await told(carts[0]!.post(fresh)), '409 order-exists')
  assert.match(await told(carts[1]!.put(changed, 'shipped')), /^20[02] "3"$/)
  assert.match(await told(carts[0]!.put(changed, 'delivered')), /^20[02] "4"$/)
  await outboxIsEmpty(database.url)
  const log = await inLog([changed, fresh])
  assert.deepEqual(log.get(changed), ['"1" new', '"2" paid', '"3" shipped', '"4" delivered'])
  assert.deepEqual(log.get(fresh), ['"1" new'])
  assert.deepEqual(await sql(database.url, 'SELECT FROM outbox_dropped'), [])
  assert.deepEqual(alarms(), [1, 1], 'once a swap')
  for (const cart of carts) assert.equal(await cart.stop(), 0)
})
