// What other sessions of the database hold locked: an order's row, a key, an id that is not committed yet.
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { DatabaseRun } from '@inorder/messaging/outbox/database-run.ts'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import pg from 'pg'
import { pino } from 'pino'
import { commitGroup, type Write } from './group.ts'
import { HandRelay } from './hand-relay.fixture.ts'
import { migrations } from './migrations.ts'
import { orderOf } from './store.ts'
import { change, create } from './writes.fixture.ts'
import { Writes } from './writes.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
let pool: pg.Pool
before(async () => {
  database = await freshDatabase('cart')
  await migrate(database.url, migrations)
  // As a service opens it.
  pool = openPool({ url: database.url, name: 'cart', max: 10, deadlineMs: 2_500 })
})
after(async () => {
  await pool.end()
  await database.drop()
})

const sessions = new Set<pg.Client>()
// Also when a test fails half-way.
afterEach(async () => {
  await Promise.all([...sessions].map((session) => session.end()))
  sessions.clear()
})

const answerLimitMs = 3_000
/** For a machine that has more to do than this test. */
const slackMs = 1_500

interface Told {
  name: string
  said: string
  ms: number
}

/** A cart, what it told, in that order, and an order with as many neighbours as it takes. */
async function cart(...orderIds: string[]) {
  const writes = new Writes({
    pool,
    run: new DatabaseRun(),
    relay: new HandRelay(pool),
    logger: pino({ level: 'silent' }),
  })
  await Promise.all(orderIds.map((orderId) => writes.write(create(orderId), { waitMs: 0 })))
  const told: Told[] = []
  const tell = async (name: string, write: Write) => {
    const began = performance.now()
    const said = await writes.write(write, { waitMs: 0 }).then(
      ({ result }): string => result.kind,
      (error: Error) => error.name,
    )
    told.push({ name, said, ms: performance.now() - began })
  }
  return { told, tell }
}

/** Another session that is in a transaction, in which it has said this. */
async function inTransaction(text: string, values: unknown[]) {
  const session = new pg.Client({ connectionString: database.url })
  sessions.add(session)
  await session.connect()
  await session.query('BEGIN')
  await session.query(text, values)
  return {
    async end(how: 'COMMIT' | 'ROLLBACK') {
      await session.query(how)
    },
  }
}

const lockOrder = (orderId: string) => inTransaction('SELECT FROM orders WHERE order_id = $1 FOR UPDATE', [orderId])
const versionOf = async (orderId: string) => (await orderOf(pool, orderId))?.version
const eventsOf = async (orderId: string) =>
  (await pool.query('SELECT FROM outbox WHERE key = $1', [Buffer.from(orderId)])).rowCount

test('an order that another session holds delays no other; what queues for it is answered within 3 s, in order', async () => {
  const held = unique('held')
  const others = Array.from({ length: 50 }, () => unique('o'))
  const { told, tell } = await cart(held, ...others)
  const lock = await lockOrder(held)
  const seven = Array.from({ length: 7 }, (_, n) => tell(`held ${n}`, change(held, `s${n}`, unique('k'))))
  for (let n = 0; n < 50; n += 10) {
    const wave = others.slice(n, n + 10)
    await Promise.all([
      ...wave.map((orderId) => tell('other', change(orderId, 'paid', unique('k')))),
      ...wave.map((orderId) => tell('other', create(`${orderId}-new`, unique('k')))),
      tell('other', change(unique('none'), 'paid')),
    ])
  }
  assert.deepEqual(
    new Set(told.map(({ name, said }) => `${name}: ${said}`)),
    new Set(['other: changed', 'other: created', 'other: missing']),
    'all others are answered before one of the seven is',
  )
  await Promise.all(seven)
  const answers = told.filter(({ name }) => name !== 'other')
  assert.deepEqual(
    answers.map(({ name, said }) => `${name}: ${said}`),
    Array.from({ length: 7 }, (_, n) => `held ${n}: OrderLocked`),
  )
  assert.ok(
    answers.every(({ ms }) => ms < answerLimitMs + slackMs),
    `${answers.map(({ ms }) => Math.round(ms))}`,
  )
  assert.deepEqual([await versionOf(held), await eventsOf(held)], [1, 1], 'nothing of them is stored')
  await lock.end('COMMIT')
  await tell('after', change(held, 'paid'))
  assert.deepEqual([told.at(-1)?.said, await versionOf(held)], ['changed', 2])
})

test('what queues for a held order goes through, in order, when it is let go in time', async () => {
  const held = unique('held')
  const { told, tell } = await cart(held)
  const lock = await lockOrder(held)
  const seven = Array.from({ length: 7 }, (_, n) => tell(`${n}`, change(held, `s${n}`)))
  await until('the first waits for the lock', async () => (await waitingForLocks()) > 0)
  await lock.end('COMMIT')
  await Promise.all(seven)
  assert.deepEqual(
    told.map(({ name, said }) => `${name} ${said}`),
    Array.from({ length: 7 }, (_, n) => `${n} changed`),
  )
  assert.deepEqual([await versionOf(held), (await orderOf(pool, held))?.order.status], [8, 's6'])
})

test('many held orders at once delay no other order, and each of their writes is answered in time', async () => {
  const held = Array.from({ length: 60 }, () => unique('held'))
  const { told, tell } = await cart(...held)
  const lock = await inTransaction('SELECT FROM orders WHERE order_id = ANY ($1) FOR UPDATE', [held])
  const waiting = held.map((orderId) => tell('held', change(orderId, 'paid')))
  for (let n = 0; n < 10; n++) await Promise.all(Array.from({ length: 10 }, () => tell('other', create(unique('o')))))
  assert.deepEqual(new Set(told.map(({ said }) => said)), new Set(['created']))
  await Promise.all(waiting)
  const answers = told.filter(({ name }) => name === 'held')
  assert.deepEqual(new Set(answers.map(({ said }) => said)), new Set(['OrderLocked']))
  assert.ok(Math.max(...answers.map(({ ms }) => ms)) < answerLimitMs + slackMs)
  await lock.end('COMMIT')
})

test('the changes of one held order are refused over a bound of their own, and no other order is', async () => {
  const [held, free] = [unique('held'), unique('o')]
  const { told, tell } = await cart(held, free)
  const lock = await lockOrder(held)
  const waiting = Array.from({ length: 1_100 }, (_, n) => tell('held', change(held, `s${n}`)))
  await tell('other', change(free, 'paid'))
  assert.equal(told.at(-1)?.said, 'changed')
  await Promise.all(waiting)
  await lock.end('COMMIT')
  const refused = told.filter(({ said }) => said === 'QueueFull')
  assert.deepEqual([told.length, refused.length], [1_101, 100])
})

test('a write that a lock holds up does not keep its idempotency key meanwhile', async () => {
  const [held, free, key] = [unique('held'), unique('o'), unique('k')]
  await cart(held, free)
  const lock = await lockOrder(held)
  const { results } = await commitGroup(pool, [change(held, 'paid', key), change(free, 'paid', unique('k'))])
  assert.deepEqual(
    results.map((result) => result.kind),
    ['locked', 'changed'],
  )
  assert.equal((await pool.query('SELECT FROM idempotency WHERE key = $1', [key])).rowCount, 0)
  await lock.end('COMMIT')
})

const insertKey = `INSERT INTO idempotency (key, operation, request_hash) VALUES ($1, 'PUT /update-order', '')`

test('a key that another session has inserted and not committed delays no other write', async () => {
  const orderIds = Array.from({ length: 41 }, () => unique('o'))
  const [first, ...others] = orderIds as [string, ...string[]]
  const { told, tell } = await cart(...orderIds)
  const key = unique('k')
  const session = await inTransaction(insertKey, [key])
  const waiting = tell('waiting', change(first, 'paid', key))
  await Promise.all(others.map((orderId) => tell('other', change(orderId, 'paid', unique('k')))))
  assert.deepEqual(new Set(told.map(({ said }) => said)), new Set(['changed']))
  await waiting
  assert.equal(told.at(-1)?.said, 'OrderLocked')
  assert.ok(told.at(-1)!.ms < answerLimitMs + slackMs)
  assert.equal(await versionOf(first), 1)
  await session.end('ROLLBACK')
  await tell('after', change(first, 'paid', key))
  assert.equal(told.at(-1)?.said, 'changed')

  // A row lock on a key that is decided holds nobody up.
  const lock = await inTransaction('SELECT FROM idempotency WHERE key = $1 FOR UPDATE', [key])
  await tell('repeat', change(first, 'paid', key))
  assert.equal(told.at(-1)?.said, 'changed')
  assert.equal(await versionOf(first), 2)
  await lock.end('COMMIT')
})

const insertOrder = `
  INSERT INTO orders (order_id, version, event_id, status, body)
  SELECT $1, version, gen_random_uuid(), status, body FROM orders LIMIT 1`

for (const [how, becomes] of [
  ['ROLLBACK', 'created'],
  ['COMMIT', 'exists'],
] as const)
  test(`a create that meets an id which is not committed yet delays no other; ${how}: ${becomes}`, async () => {
    const { told, tell } = await cart(unique('o'))
    const orderId = unique('held')
    const session = await inTransaction(insertOrder, [orderId])
    const waiting = tell('waiting', create(orderId))
    await Promise.all(Array.from({ length: 50 }, () => tell('other', create(unique('o'), unique('k')))))
    assert.deepEqual(new Set(told.map(({ name, said }) => `${name} ${said}`)), new Set(['other created']))
    await session.end(how)
    await waiting
    // On a slow machine its time may have been up before.
    if (told.at(-1)?.said === 'OrderLocked') await tell('again', create(orderId))
    assert.equal(told.at(-1)?.said, becomes)
  })

test('a table that is locked for a moment fails no write', async () => {
  const { told, tell } = await cart(unique('o'))
  const session = await inTransaction('LOCK TABLE orders IN SHARE MODE', [])
  const waiting = Array.from({ length: 20 }, () => tell('create', create(unique('o'))))
  await until('they wait for the lock', async () => (await waitingForLocks()) > 0)
  await session.end('COMMIT')
  await Promise.all(waiting)
  assert.deepEqual(new Set(told.map(({ said }) => said)), new Set(['created']))
})

async function waitingForLocks(): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
  )
  return rows[0]!.n
}
