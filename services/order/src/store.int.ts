import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { Committer } from '@inorder/messaging/inbox/commit.ts'
import { entryOf } from '@inorder/messaging/inbox/key-state.ts'
import { Decoder } from '@inorder/messaging/kafka/decode.ts'
import { migrationsOf } from '@inorder/service/migrations.ts'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { transaction } from '@inorder/storage/transaction.ts'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import { roundTrips } from '@inorder/testing/round-trips.ts'
import type { Pool } from 'pg'
import { orderHandler } from './handlers.ts'
import type { ReceivedOrder } from './order.ts'
import { find, history, list, type OrderPage, save, versionsOf } from './store.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
let pool: Pool

before(async () => {
  database = await freshDatabase('order')
  await migrate(database.url, migrationsOf('order', new URL('../migrations', import.meta.url)))
  pool = openPool({ url: database.url, name: 'store-test', max: 4 })
})
after(async () => {
  await pool.end()
  await database.drop()
})

const received = (orderId: string, over: Partial<ReceivedOrder['order']> = {}, version = 1): ReceivedOrder => ({
  order: {
    orderId,
    customerId: 'c-17',
    orderDate: '2026-11-23T14:20:19.000Z',
    items: [{ itemId: 'i-1', quantity: 1, price: 99_999_999.9999 }],
    totalAmount: 99_999_999.9999,
    currency: 'USD',
    status: 'new',
    ...over,
  },
  version,
  shippingCost: 2_000_000.01,
})
const eventOf = ({ order, version }: ReceivedOrder, previousStatus: string | null = null): OrderEvent => ({
  eventId: crypto.randomUUID(),
  type: 'OrderStatusChanged',
  orderId: order.orderId,
  version,
  occurredAt: '2026-11-23T14:20:20.123Z',
  order,
  previousStatus,
})
const saveAll = (...orders: ReceivedOrder[]) =>
  save(
    pool,
    new Map(orders.map((one) => [one.order.orderId, one])),
    orders.map((one) => ({ key: one.order.orderId, event: eventOf(one), record: undefined })),
  )

test('what is saved is found, to the last digit, its fields in their order', async () => {
  const one = received('"{a,\\b}" \u{1f40d} NULL', { customerId: '', totalAmount: 0.0001, status: "'new'\\" })
  await saveAll(one, received('large', { totalAmount: 99_999_999_999.9999 }))
  const found = await find(pool, one.order.orderId)
  assert.deepEqual(found, one)
  assert.deepEqual(Object.keys(found?.order ?? {}), Object.keys(one.order))
  assert.equal((await find(pool, 'large'))?.order.totalAmount, 99_999_999_999.9999)
  assert.equal(await find(pool, 'unknown'), undefined)
})

test('a batch of new and known orders is one save', async () => {
  await saveAll(received('known'))
  const changed = [received('known', { status: 'paid', customerId: 'c-2' }, 2), received('fresh')]
  await saveAll(...changed)
  for (const one of changed) assert.deepEqual(await find(pool, one.order.orderId), one)
  assert.deepEqual(
    await versionsOf(pool, ['known', 'fresh', 'unknown']),
    new Map([
      ['known', 2],
      ['fresh', 1],
    ]),
  )
})

test('the list is sorted by code point, filtered, and goes on after an id', async () => {
  const ids = ['list-B', 'list-a', 'list-é', 'list-\u{1f40d}']
  await saveAll(...ids.map((id, n) => received(id, { customerId: 'lister', status: n % 2 ? 'paid' : 'new' })))
  const listed = async (over: Partial<Parameters<typeof list>[1]>) =>
    (await list(pool, { status: null, customerId: 'lister', after: '', limit: 10, ...over })).orders.map(
      (o) => o.order.orderId,
    )
  assert.deepEqual(await listed({}), ids)
  assert.deepEqual(await listed({ limit: 2 }), ids.slice(0, 2))
  assert.deepEqual(await listed({ after: 'list-a' }), ids.slice(2))
  assert.deepEqual(await listed({ status: 'paid' }), ['list-a', 'list-\u{1f40d}'])
  assert.deepEqual(await listed({ customerId: 'nobody' }), [])
  assert.ok((await listed({ customerId: null, limit: 100 })).length > ids.length)
})

test('of a customer with very many orders a page of one status ends where it has looked at 10,000', async () => {
  await pool.query(`
    INSERT INTO orders SELECT 'big-' || lpad(n::text, 5, '0'), 1, CASE WHEN n % 4000 = 0 THEN 'odd' ELSE 'new' END, 'big', 0,
      json_build_object('orderId', 'big-' || lpad(n::text, 5, '0'))
    FROM generate_series(1, 25000) AS n`)
  const pages: string[][] = []
  for (let after: string | null = ''; after !== null; ) {
    const page: OrderPage = await list(pool, { status: 'odd', customerId: 'big', after, limit: 10 })
    pages.push(page.orders.map(({ order }) => order.orderId))
    after = page.next
  }
  assert.deepEqual(pages, [['big-04000', 'big-08000'], ['big-12000', 'big-16000', 'big-20000'], ['big-24000']])
})

test('a page is read from an index, whatever its filters and whatever was known of the table when it was small', async () => {
  const fill = (from: number, to: number) =>
    pool.query(`
      INSERT INTO orders SELECT 'many-' || n, 1, CASE WHEN n % 1000 = 0 THEN 'rare' WHEN n % 3 = 0 THEN 'mid' ELSE 'new' END,
        'c-' || n % 100, 0, json_build_object('filled', repeat('x', 400))
      FROM generate_series(${from}, ${to}) AS n`)
  const filters = [{}, { status: 'rare' }, { status: 'mid' }, { status: 'new' }, { customerId: 'c-5' }]
  async function assertIndexed(when: string): Promise<void> {
    for (const filter of [...filters, { status: 'new', customerId: 'c-5' }]) {
      const plans: string[] = []
      await transaction(pool, async (tx) => {
        const query = async (text: string, values: unknown[]) => {
          if (text.includes('set_config')) return tx.query(text)
          const { rows } = await tx.query(`EXPLAIN ${text}`, values)
          plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'))
          return { rows: [] }
        }
        await list({ query } as never, { status: null, customerId: null, after: 'many-2', limit: 100, ...filter })
      })
      assert.match(plans.join(), /Index Scan/, `${when} ${JSON.stringify(filter)}`)
      assert.doesNotMatch(plans.join(), /Seq Scan|Bitmap/, `${when} ${JSON.stringify(filter)}`)
    }
  }
  await pool.query('DELETE FROM orders')
  await fill(1, 150)
  await pool.query('ANALYZE orders')
  await assertIndexed('150, analysed')
  await fill(151, 10_000)
  await assertIndexed('10,000, not analysed')
  await fill(10_001, 50_000)
  await pool.query('ANALYZE orders')
  await assertIndexed('50,000, analysed')
})

/** Applies events as a consumer of a topic of its own does. */
function consumer() {
  const topicId = crypto.randomUUID()
  const decoder = new Decoder(orderEvents, { schemaOf: () => Promise.reject(new Error('nothing is decoded')) })
  const context = { topic: orderEvents, handler: orderHandler, decoder, service: 'order', instance: 'order' }
  let next = 0n
  return async (events: OrderEvent[], isolate = false): Promise<void> => {
    const from = next
    const entries = events.map((event) => {
      const { orderId: key, version, eventId } = event
      const at = { topicId, partition: 0, offset: next++, record: undefined, fault: undefined }
      return entryOf({ ...at, key, keyless: false, version, eventId, decoded: { eventId, version, event } })
    })
    await new Committer(pool, context).commit(
      { topicId, entries, spans: new Map([[0, { from, next }]]) },
      () => {},
      isolate,
    )
  }
}
const historyOf = async (orderId: string) =>
  (await history(pool, orderId, { after: 0, limit: 100 })).map(({ appliedAt: _, ...row }) => row)

test('every version is kept: by a batch without a round trip more, and one by one', async () => {
  const of = (id: string) => [
    eventOf(received(id)),
    eventOf(received(id, { status: 'paid' }, 2), 'new'),
    eventOf(received(id, { status: 'shipped' }, 3), 'paid'),
  ]
  const kept = ({ version, eventId, occurredAt, previousStatus, order: { status } }: OrderEvent) => {
    return { version, status, previousStatus, occurredAt, eventId, traceId: null, actor: null }
  }
  const commit = consumer()
  await commit([])
  const [a, b] = [unique('a'), unique('b')]
  const [together, isolated] = [of(a), of(b)]
  const trips = roundTrips(pool)
  await commit([...together, eventOf(received(unique('other')))])
  assert.equal(trips.count, 3)
  assert.deepEqual(await historyOf(a), together.map(kept))
  await commit(isolated, true)
  assert.deepEqual(await historyOf(b), isolated.map(kept))
})

test('a version that is stored a second time stays as it is', async () => {
  const one = received(unique('again'))
  await saveAll(one)
  const before = await historyOf(one.order.orderId)
  await saveAll(one)
  assert.equal(before.length, 1)
  assert.deepEqual(await historyOf(one.order.orderId), before)
})
