import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { DatabaseRun } from '@inorder/messaging/outbox/database-run.ts'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import { tcpProxy } from '@inorder/testing/tcp-proxy.ts'
import type pg from 'pg'
import { pino } from 'pino'
import type { Write } from './group.ts'
import { HandRelay } from './hand-relay.fixture.ts'
import { requestHash } from './idempotency.ts'
import { migrations } from './migrations.ts'
import { created, eventOf } from './order.ts'
import { recordOf } from './order-record.ts'
import { Writes } from './writes.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
let pool: pg.Pool
before(async () => {
  database = await freshDatabase('cart')
  await migrate(database.url, migrations)
  pool = openPool({ url: database.url, name: 'cart', max: 4 })
})
after(async () => {
  await pool.end()
  await database.drop()
})

function cart() {
  const relay = new HandRelay(pool)
  return { relay, writes: new Writes({ pool, run: new DatabaseRun(), relay, logger: pino({ level: 'silent' }) }) }
}

const record: Write['record'] = (now, previous) => recordOf(eventOf(now, previous, new Date()), 'cart')

function create(orderId: string, key?: string, customerId = 'c'): Write {
  const eventId = randomUUID()
  const items = [{ itemId: 'a', quantity: 1, price: 1 }]
  const order = {
    orderId,
    customerId,
    orderDate: '2026-01-01T00:00:00.000Z',
    items,
    totalAmount: 1,
    currency: 'EUR',
    status: 'new',
  }
  const use =
    key === undefined ? undefined : { key, operation: 'POST /create-order', hash: requestHash([orderId, customerId]) }
  return { eventId, key: use, create: created(order, eventId), record }
}

const change = (orderId: string, status: string): Write => ({
  eventId: randomUUID(),
  change: { orderId, status, accepts: () => true, permits: () => true },
  record,
})

test('rule 7: a relay that publishes before the commit has been answered is not missed', async () => {
  const { relay, writes } = cart()
  const write = create(unique('o'))
  relay.wake = () => relay.tell(write.eventId)
  const { delivery } = await writes.write(write, 100)
  assert.equal(delivery, 'delivered')
})

test('a write waits for its own event, and no longer than asked to', async () => {
  const { relay, writes } = cart()
  assert.equal((await writes.write(create(unique('o')), 30)).delivery, 'pending')
  const write = create(unique('o'))
  relay.wake = () => void relay.publishAll()
  assert.equal((await writes.write(write, 30_000)).delivery, 'delivered')
})

test('rule 6: a change that changes nothing answers for the event of the current version', async () => {
  const { relay, writes } = cart()
  const orderId = unique('o')
  const write = create(orderId)
  await writes.write(write, 0)
  const same = change(orderId, 'new')
  const pending = await writes.write(same, 30)
  assert.deepEqual(pending.result, { outcome: { kind: 'unchanged', now: 'create' in write && write.create } })
  assert.equal(pending.delivery, 'pending')
  const waiting = writes.write(change(orderId, 'new'), 30_000)
  await relay.publishAll()
  assert.equal((await waiting).delivery, 'delivered')
  assert.equal((await writes.write(change(orderId, 'new'), 0)).delivery, 'delivered', 'it is out of the outbox')
})

test('rule 1: changes of one order that arrive together make a version each, in their order', async () => {
  const { writes } = cart()
  const orderId = unique('o')
  await writes.write(create(orderId), 0)
  const statuses = Array.from({ length: 20 }, (_, n) => `s${n}`)
  const answers = await Promise.all(statuses.map((status) => writes.write(change(orderId, status), 0)))
  assert.deepEqual(
    answers.map(({ result }) => 'outcome' in result && 'now' in result.outcome && result.outcome.now.version),
    statuses.map((_, n) => n + 2),
  )
  const { rows } = await pool.query('SELECT value FROM outbox WHERE key = $1 ORDER BY id', [Buffer.from(orderId)])
  const decode = orderEvents.value.decoder(orderEvents.value.schema)
  assert.deepEqual(
    rows.map(({ value }) => decode(value)).map(({ version, order }) => `${version} ${order.status}`),
    ['1 new', ...statuses.map((status, n) => `${n + 2} ${status}`)],
  )
})

test('rule 2: 50 clients with one key at once: one effect, and each is told its outcome or to come again', async () => {
  const { writes } = cart()
  const another = cart().writes
  const [orderId, key] = [unique('o'), unique('k')]
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => (i % 2 ? writes : another).write(create(orderId, key), 0)),
  )
  const told = answers.map(({ result }) => ('outcome' in result ? result.outcome.kind : result.refused))
  assert.deepEqual(new Set(told), new Set(['created', 'undecided']))
  assert.equal((await pool.query('SELECT FROM outbox WHERE key = $1', [Buffer.from(orderId)])).rowCount, 1)
  assert.deepEqual(
    (await writes.write(create(orderId, key), 0)).result,
    answers.find(({ result }) => 'outcome' in result)?.result,
  )
})

test('rule 2: a repeat is told whether the first event is still in the outbox', async () => {
  const { relay, writes } = cart()
  const [orderId, key] = [unique('o'), unique('k')]
  const first = create(orderId, key)
  assert.equal((await writes.write(first, 0)).delivery, 'pending')
  assert.equal((await writes.write(create(orderId, key), 20)).delivery, 'pending')
  await relay.publishAll()
  assert.equal((await writes.write(create(orderId, key), 0)).delivery, 'delivered')
})

test('rule 2: repeats of a decided key do not stand in each other’s way, nor does another body under it', async () => {
  const { writes } = cart()
  const orderId = unique('o')
  const key = unique('key')
  const first = await writes.write(create(orderId, key), 0)
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, n) => writes.write(create(orderId, key, n % 2 === 0 ? 'another' : 'c'), 0)),
  )
  for (const [n, { result }] of answers.entries())
    assert.deepEqual(result, n % 2 === 0 ? { refused: 'another-request' } : first.result)
})

test('rule 2: while the first use is undecided, another body under the key is refused at once', async () => {
  const { writes } = cart()
  const [orderId, key] = [unique('o'), unique('k')]
  const first = writes.write(create(orderId, key), 0)
  assert.deepEqual((await writes.write(create(orderId, key, 'other'), 0)).result, { refused: 'another-request' })
  assert.ok('outcome' in (await first).result)
})

test('no waiter is left behind', async () => {
  const { relay, writes } = cart()
  const [orderId, key] = [unique('o'), unique('k')]
  await writes.write(create(orderId, key), 0)
  await writes.write(create(orderId), 0)
  await writes.write(change(unique('none'), 'paid'), 0)
  relay.waiting.delete([...relay.waiting.keys()][0]!)
  assert.deepEqual(
    [...relay.waiting.values()].map((waiters) => waiters.size),
    [0, 0],
  )
})

test('a frozen database and a full queue: every write is refused within some seconds, not one group after the other', async (t) => {
  const { hostname, port } = new URL(database.url)
  const proxy = await tcpProxy(hostname, Number(port))
  const url = new URL(database.url)
  url.port = String(proxy.port)
  const frozen = openPool({ url: url.href, name: 'frozen', max: 4, deadlineMs: 2_500, onIdleError: () => {} })
  t.after(async () => {
    await proxy.close()
    await frozen.end()
  })
  await frozen.query('SELECT')
  proxy.fate = () => 'swallowed'
  const writes = new Writes({
    pool: frozen,
    run: new DatabaseRun(),
    relay: new HandRelay(frozen),
    logger: pino({ level: 'silent' }),
  })
  // Five of these are a group, so that 20 groups queue.
  const large: Write['record'] = (now, previous) => ({ ...record(now, previous), value: Buffer.alloc(800 * 1024) })
  const began = performance.now()
  const answers = await Promise.allSettled(
    Array.from({ length: 100 }, () => writes.write({ ...create(unique('o')), record: large }, 0)),
  )
  const took = performance.now() - began
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set(['rejected']))
  assert.ok(took < 8_000, `${took} ms`)
})

test('a slow database that goes on: who queues for one order is answered, however long the queue', async (t) => {
  await pool.query(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_sleep(0.2); RETURN new; END $$`)
  await pool.query('CREATE TRIGGER slow BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION slow()')
  t.after(() => pool.query('DROP FUNCTION slow CASCADE'))
  const { writes } = cart()
  const orderId = unique('contested')
  const answers = await Promise.all(Array.from({ length: 25 }, () => writes.write(create(orderId), 0)))
  const kinds = answers.map(({ result }) => ('outcome' in result ? result.outcome.kind : result.refused))
  assert.deepEqual(kinds, ['created', ...Array.from({ length: 24 }, () => 'exists')])
})
