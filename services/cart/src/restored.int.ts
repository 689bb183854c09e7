// Rule 12: the cart's database is restored from a backup, and the log knows more than it does.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import type { Order } from '@inorder/contracts/order.ts'
import { readPublished, savePublished } from '@inorder/messaging/outbox/recovery-store.ts'
import { orderEventsWriter } from '@inorder/service/order-events.fixture.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { freshDatabase, serverUrl, unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import { outboxIsEmpty as emptyOutbox, inLog, noKafka, sql } from './restored.fixture.ts'
import { startCart } from './running-cart.fixture.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
let ids: string[]
before(async () => {
  database = await freshDatabase('cart')
})
after(() => database.drop())

type Cart = Awaited<ReturnType<typeof startCart>>

const name = () => new URL(database.url).pathname.slice(1)
/** As pg_dump and pg_restore: the backup is another database, and takes the place of the first. */
const backup = () => sql(serverUrl(), `CREATE DATABASE ${name()}_backup TEMPLATE ${name()}`)
const restore = () =>
  sql(serverUrl(), `DROP DATABASE ${name()} WITH (FORCE)`, `ALTER DATABASE ${name()}_backup RENAME TO ${name()}`)

const accepted = async (answer: Promise<Response>) => {
  const { status } = await answer
  assert.ok([200, 201, 202].includes(status), String(status))
}
const outboxIsEmpty = () => emptyOutbox(database.url)

async function assertHeld(cart: Cart, expected: Record<string, string[]>): Promise<void> {
  const log = await inLog(Object.keys(expected))
  for (const [orderId, versions] of Object.entries(expected)) {
    assert.equal(await cart.get(orderId), versions.at(-1), orderId)
    assert.deepEqual(log.get(orderId), versions, orderId)
  }
}

test('rule 12: a restored cart lacks no order and gives no version away twice; without Kafka it takes nothing', async () => {
  ids = ['kept', 'waiting', 'changed', 'new'].map(unique)
  const [kept, waiting, changed, fresh] = ids as [string, string, string, string]
  const first = await startCart(database.url)
  await first.ready()
  for (const orderId of [kept, changed]) await accepted(first.post(orderId))
  await outboxIsEmpty()
  assert.equal(await first.stop(), 0)
  // Is in the backup, but not in Kafka yet.
  const alone = await startCart(database.url, noKafka)
  await until('it takes orders', async () => (await alone.post(waiting)).status === 202)
  assert.equal(await alone.stop(), 0)
  await backup()

  const second = await startCart(database.url)
  await second.ready()
  for (const status of ['paid', 'shipped']) await accepted(second.put(changed, status))
  await accepted(second.post(fresh))
  await outboxIsEmpty()
  await second.kill()
  await restore()

  const blind = await startCart(database.url, { ...noKafka, LOG_LEVEL: 'error' })
  // All that it waits for, after it has given Kafka and the registry up.
  await until('only the log is missing', async () => String(await blind.missing()) === 'log')
  const answer = await blind.put(changed, 'cancelled')
  assert.deepEqual([answer.status, answer.headers.has('retry-after')], [503, true])
  assert.match(((await answer.json()) as { type: string }).type, /not-ready$/)
  await until('it is an alarm', () => blind.alarms('log-not-read').length > 0)
  await blind.kill()

  const restored = await startCart(database.url)
  await restored.ready()
  assert.equal((await restored.post(fresh)).status, 409)
  assert.equal((await restored.put(changed, 'delivered')).headers.get('etag'), '"4"')
  await outboxIsEmpty()
  await assertHeld(restored, {
    [kept]: ['"1" new'],
    [waiting]: ['"1" new'],
    [changed]: ['"1" new', '"2" paid', '"3" shipped', '"4" delivered'],
    [fresh]: ['"1" new'],
  })
  assert.deepEqual(await sql(database.url, 'SELECT FROM outbox_dropped'), [])
  assert.equal(await restored.stop(), 0)

  // It is the one that it was again: Kafka is not needed.
  const again = await startCart(database.url, noKafka)
  await until('it takes orders', async () => (await again.post(unique('o'))).status === 202)
  assert.equal(await again.stop(), 0)
})

test('rule 12: what a restored cart that looks like the old one took without Kafka gives way to the log, and is kept aside', async () => {
  const [forked, created, untouched] = ['forked', 'created', 'untouched'].map(unique) as [string, string, string]
  const first = await startCart(database.url)
  await first.ready()
  for (const orderId of [forked, untouched]) await accepted(first.post(orderId))
  await outboxIsEmpty()
  assert.equal(await first.stop(), 0)
  const tables = ['orders', 'outbox', 'outbox_published']
  await sql(database.url, ...tables.map((table) => `CREATE TABLE ${table}_backup AS TABLE ${table}`))

  const second = await startCart(database.url)
  await second.ready()
  await accepted(second.put(forked, 'paid'))
  await accepted(second.post(created))
  await outboxIsEmpty()
  assert.equal(await second.stop(), 0)
  // Nothing tells this from an ordinary restart.
  await sql(database.url, ...tables.map((table) => `DELETE FROM ${table}`))
  await sql(
    database.url,
    ...tables.map((table) => `INSERT INTO ${table} OVERRIDING SYSTEM VALUE TABLE ${table}_backup`),
  )

  const blind = await startCart(database.url, noKafka)
  await until('it takes orders', async () => (await blind.put(forked, 'cancelled')).status === 202)
  await accepted(blind.put(forked, 'returned'))
  const key = { 'idempotency-key': created }
  await accepted(blind.post(created, key, 'other'))
  await accepted(blind.put(untouched, 'shipped'))
  await blind.kill()

  const restored = await startCart(database.url, { LOG_LEVEL: 'warn' })
  await restored.ready()
  await outboxIsEmpty()
  await assertHeld(restored, {
    [forked]: ['"1" new', '"2" paid'],
    [created]: ['"1" new'],
    [untouched]: ['"1" new', '"2" shipped'],
  })
  const dropped = await sql<{ key: string; version: string; id: string }>(
    database.url,
    `SELECT convert_from(key, 'UTF8') AS key, headers->>'order-version' AS version, event_id AS id FROM outbox_dropped ORDER BY 1, 2`,
  )
  assert.deepEqual(
    dropped.map(({ key, version }) => `${key} ${version}`),
    [`${created} 1`, `${forked} 2`, `${forked} 3`],
  )
  const told = await until('each is an alarm', () => {
    const alarms = restored.alarms('event-dropped')
    return alarms.length >= dropped.length && alarms
  })
  assert.deepEqual(
    told.map(({ key, eventId }) => `${key} ${eventId}`).sort(),
    dropped.map(({ key, id }) => `${key} ${id}`).sort(),
  )
  const takenOver = restored.alarms('database-restored').reduce((sum, { keys }) => sum + Number(keys), 0)
  assert.ok(takenOver >= 2, `${takenOver} are said to be taken over from the log`)
  const repeat = await restored.post(created, { ...key, prefer: 'respond-async' }, 'other')
  assert.deepEqual([repeat.status, repeat.headers.get('event-delivery')], [202, 'pending'], 'it never was delivered')
  assert.equal(await restored.stop(), 0)
})

test('rule 12: an event in the log that no cart can have written is not taken over, and all others are', async () => {
  const writer = await orderEventsWriter()
  const order = (orderId: string): Order => ({
    orderId,
    customerId: 'c',
    orderDate: '2026-11-23T14:20:19.000Z',
    items: [{ itemId: 'pen', quantity: 1, price: 1 }],
    totalAmount: 1,
    currency: 'USD',
    status: 'new',
  })
  const [before, foreign, after] = ['before', 'foreign', 'after'].map((id) => order(unique(id)))
  await writer.publish(before!)
  await writer.publish({ ...foreign!, customerId: 'a NUL: \0' })
  await writer.publish(after!)
  writer.close()

  const cart = await startCart(database.url)
  await cart.ready()
  assert.equal(await cart.get(before!.orderId), '"1" new')
  assert.equal(await cart.get(after!.orderId), '"1" new')
  assert.equal(await cart.get(foreign!.orderId), undefined)
  await accepted(cart.post(unique('own')))
  assert.equal(await cart.stop(), 0)
})

test('rule 12: a database that was put in the place of the cart is not told offsets that it knows nothing of', async () => {
  const pool = openPool({ url: database.url, name: 'published', max: 1 })
  const topicId = randomUUID()
  await savePublished(pool, topicId, [5n])
  assert.deepEqual(await readPublished(pool, topicId), new Map([[0, 5n]]))
  await pool.query(`UPDATE outbox_run SET identity = 'another'`)
  await savePublished(pool, topicId, [9n])
  assert.deepEqual(await readPublished(pool, topicId), new Map([[0, 5n]]))
  await pool.end()
})
