import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { DatabaseRun } from '@inorder/messaging/outbox/database-run.ts'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import { tcpProxy } from '@inorder/testing/tcp-proxy.ts'
import type pg from 'pg'
import { pino } from 'pino'
import { HandRelay } from './hand-relay.fixture.ts'
import { migrations } from './migrations.ts'
import { change, create } from './writes.fixture.ts'
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

function cart(logger = pino({ level: 'silent' })) {
  const relay = new HandRelay(pool)
  return { relay, writes: new Writes({ pool, run: new DatabaseRun(), relay, logger }) }
}

test('rule 7: a relay that publishes before the commit has been answered is not missed', async () => {
  const { relay, writes } = cart()
  const write = create(unique('o'))
  relay.wake = () => relay.tell(write.command.eventId)
  const { delivery } = await writes.write(write, { waitMs: 100 })
  assert.equal(delivery, 'delivered')
})

test('the line of a change has the id of the trace that goes with its event, also where the event begins it', async () => {
  const lines: { trace_id?: string }[] = []
  const { writes } = cart(pino({}, { write: (line) => lines.push(JSON.parse(line)) }))
  const orderId = unique('o')
  await writes.write(create(orderId), { waitMs: 0 })
  const { rows } = await pool.query(`SELECT headers->>'traceparent' AS traceparent FROM outbox WHERE key = $1`, [
    Buffer.from(orderId),
  ])
  assert.equal(lines.length, 1)
  assert.equal(lines[0]!.trace_id, rows[0].traceparent.split('-')[1])
})

test('a write waits for its own event, and no longer than asked to', async () => {
  const { relay, writes } = cart()
  assert.equal((await writes.write(create(unique('o')), { waitMs: 30 })).delivery, 'pending')
  const write = create(unique('o'))
  relay.wake = () => void relay.publishAll()
  assert.equal((await writes.write(write, { waitMs: 30_000 })).delivery, 'delivered')
})

test('rule 6: a change that changes nothing answers for the event of the current version', async () => {
  const { relay, writes } = cart()
  const orderId = unique('o')
  const write = create(orderId)
  await writes.write(write, { waitMs: 0 })
  const same = change(orderId, 'new')
  const pending = await writes.write(same, { waitMs: 30 })
  assert.deepEqual(pending.result, {
    kind: 'unchanged',
    now: { order: write.command.order, version: 1, eventId: write.command.eventId },
  })
  assert.equal(pending.delivery, 'pending')
  const waiting = writes.write(change(orderId, 'new'), { waitMs: 30_000 })
  await relay.publishAll()
  assert.equal((await waiting).delivery, 'delivered')
  assert.equal(
    (await writes.write(change(orderId, 'new'), { waitMs: 0 })).delivery,
    'delivered',
    'it is out of the outbox',
  )
})

test('rule 1: changes of one order that arrive together make a version each, in their order', async () => {
  const { writes } = cart()
  const orderId = unique('o')
  await writes.write(create(orderId), { waitMs: 0 })
  const statuses = Array.from({ length: 20 }, (_, n) => `s${n}`)
  const answers = await Promise.all(statuses.map((status) => writes.write(change(orderId, status), { waitMs: 0 })))
  assert.deepEqual(
    answers.map(({ result }) => 'now' in result && result.now.version),
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
    Array.from({ length: 50 }, (_, i) => (i % 2 ? writes : another).write(create(orderId, key), { waitMs: 0 })),
  )
  const told = answers.map(({ result }) => result.kind)
  assert.deepEqual(new Set(told), new Set(['created', 'undecided']))
  assert.equal((await pool.query('SELECT FROM outbox WHERE key = $1', [Buffer.from(orderId)])).rowCount, 1)
  assert.deepEqual(
    (await writes.write(create(orderId, key), { waitMs: 0 })).result,
    answers.find(({ result }) => result.kind === 'created')?.result,
  )
})

test('rule 2: a repeat is told whether the first event is still in the outbox', async () => {
  const { relay, writes } = cart()
  const [orderId, key] = [unique('o'), unique('k')]
  const first = create(orderId, key)
  assert.equal((await writes.write(first, { waitMs: 0 })).delivery, 'pending')
  assert.equal((await writes.write(create(orderId, key), { waitMs: 20 })).delivery, 'pending')
  await relay.publishAll()
  assert.equal((await writes.write(create(orderId, key), { waitMs: 0 })).delivery, 'delivered')
})

test('rule 2: repeats of a decided key do not stand in each other’s way, nor does another body under it', async () => {
  const { writes } = cart()
  const orderId = unique('o')
  const key = unique('key')
  const first = await writes.write(create(orderId, key), { waitMs: 0 })
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, n) =>
      writes.write(create(orderId, key, { customerId: n % 2 === 0 ? 'another' : 'c' }), { waitMs: 0 }),
    ),
  )
  for (const [n, { result }] of answers.entries())
    assert.deepEqual(result, n % 2 === 0 ? { kind: 'another-request' } : first.result)
})

test('rule 2: while the first use is undecided, another body under the key is refused at once', async () => {
  const { writes } = cart()
  const [orderId, key] = [unique('o'), unique('k')]
  const first = writes.write(create(orderId, key), { waitMs: 0 })
  assert.deepEqual((await writes.write(create(orderId, key, { customerId: 'other' }), { waitMs: 0 })).result, {
    kind: 'another-request',
  })
  assert.equal((await first).result.kind, 'created')
})

test('no waiter is left behind', async () => {
  const { relay, writes } = cart()
  const [orderId, key] = [unique('o'), unique('k')]
  await writes.write(create(orderId, key), { waitMs: 0 })
  await writes.write(create(orderId), { waitMs: 0 })
  await writes.write(change(unique('none'), 'paid'), { waitMs: 0 })
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
  // Eight of these are a group, so that 13 groups queue.
  const items = Array.from({ length: 1_000 }, () => ({ itemId: '𝒩'.repeat(128), quantity: 1, price: 1 }))
  const large = Array.from({ length: 100 }, () => create(unique('o'), undefined, { items }))
  const queued = large.map((write) => writes.write(write, { waitMs: 0 }))
  const began = performance.now()
  const answers = await Promise.allSettled(queued)
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
  const answers = await Promise.all(Array.from({ length: 25 }, () => writes.write(create(orderId), { waitMs: 0 })))
  const kinds = answers.map(({ result }) => result.kind)
  assert.deepEqual(kinds, ['created', ...Array.from({ length: 24 }, () => 'exists')])
})
