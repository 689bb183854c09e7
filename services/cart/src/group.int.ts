import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import type pg from 'pg'
import { commitGroup, commitWaiting, type Result, type Write } from './group.ts'
import { forgetOldKeys } from './idempotency.ts'
import { migrations } from './migrations.ts'
import { orderOf } from './store.ts'
import { change, create, kind, orderFor } from './writes.fixture.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
let pool: pg.Pool
let second: pg.Pool
before(async () => {
  database = await freshDatabase('cart')
  await migrate(database.url, migrations)
  pool = openPool({ url: database.url, name: 'cart-1', max: 4 })
  second = openPool({ url: database.url, name: 'cart-2', max: 4 })
  await pool.query(
    `ALTER TABLE orders ADD CONSTRAINT test CHECK (body->>'customerId' <> 'refused' AND status <> 'refused')`,
  )
})
after(async () => {
  await Promise.all([pool.end(), second.end()])
  await database.drop()
})

/** As `Writes` does it: what another instance holds at this moment is waited for. */
async function commitAll(db: pg.Pool, group: readonly Write[]): Promise<Result[]> {
  const results: Result[] = []
  for (const [n, result] of (await commitGroup(db, group)).results.entries())
    results.push(result.kind === 'locked' ? await waited(db, group[n]!) : result)
  return results
}
async function waited(db: pg.Pool, write: Write): Promise<Result> {
  const result = (await commitWaiting(db, write, 60_000)).results[0]!
  return result.kind === 'locked' ? waited(db, write) : result
}
const one = async (write: Write, db = pool) => (await commitAll(db, [write]))[0]!
const versionOf = async (orderId: string) => (await orderOf(pool, orderId))?.version
const eventsOf = async (orderId: string) => {
  const { rows } = await pool.query('SELECT value FROM outbox WHERE key = $1 ORDER BY id', [Buffer.from(orderId)])
  return rows.map(({ value }) => orderEvents.value.decoder(orderEvents.value.schema)(value))
}

test('a group of all kinds: each write has its own outcome', async () => {
  const [a, b, c] = [unique('o'), unique('o'), unique('o')]
  assert.deepEqual((await commitAll(pool, [create(a), create(b)])).map(kind), ['created', 'created'])
  const results = await commitAll(pool, [change(b, 'paid'), create(a), create(c), change('none', 'paid')])
  assert.deepEqual(results.map(kind), ['changed', 'exists', 'created', 'missing'])
  assert.deepEqual(await Promise.all([a, b, c].map(versionOf)), [1, 2, 1])
})

test('an order comes back as it was stored, to the last digit and the first year', async () => {
  const order = orderFor(unique('o'), {
    orderDate: '0001-01-01T00:00:00.001Z',
    items: [{ itemId: 'ü "\\ {}', quantity: 1_000_000, price: 99_999.9999 }],
    totalAmount: 99_999_999_999.9999,
    status: "it's 𝒩",
  })
  const write = create(order.orderId, undefined, order)
  await one(write)
  assert.deepEqual(await orderOf(pool, order.orderId), { order, version: 1, eventId: write.command.eventId })
})

test('rule 1: groups of two instances with the same orders and keys, in any order, do not deadlock', async () => {
  const ids = Array.from({ length: 12 }, () => unique('hot'))
  // As good as random, and the same in every run.
  const chance = (round: number, i: number) => (Math.sin(round * 12 + i + 1) * 10_000) % 1
  const group = (round: number) =>
    ids
      .map((id, i) => ({ id, at: Math.abs(chance(round, i)) }))
      .sort((a, b) => a.at - b.at)
      .map(({ id, at }) => {
        const key = at < 0.7 ? `${id}-${round % 5}-${at < 0.35}` : undefined
        return at < 0.35 ? create(id, key) : change(id, `s${round}`, key)
      })
  const results: Result[] = []
  // Two groups in flight at each of two instances.
  const inFlight = [pool, pool, second, second].map(async (db, n) => {
    for (let round = n; round < 60; round += 4) results.push(...(await commitAll(db, group(round))))
  })
  await Promise.all(inFlight)
  assert.equal(results.length, 60 * ids.length)
  for (const id of ids) {
    const versions = (await eventsOf(id)).map(({ version }) => version)
    assert.deepEqual(
      versions,
      versions.map((_, i) => i + 1),
    )
  }
})

test('rule 1: two groups with the same new keys, or the same new orders, in opposite order do not deadlock', async () => {
  for (let round = 0; round < 5; round++) {
    const names = Array.from({ length: 500 }, () => unique('new'))
    const groups: Record<string, Write[][]> = {
      keys: [names, names.toReversed()].map((keys) => keys.map((key) => change('none', 'paid', key))),
      creates: [names, names.toReversed()].map((ids) => ids.map((id) => create(id))),
    }
    for (const [ours, theirs] of Object.values(groups)) {
      await Promise.all([commitAll(pool, ours!), commitAll(second, theirs!)])
    }
  }
})

test('rule 2: one key at two instances at once has one effect, and both get its outcome', async () => {
  for (let round = 0; round < 20; round++) {
    const [orderId, key] = [unique('o'), unique('k')]
    await one(create(orderId))
    const results = await Promise.all([pool, second].map((db) => one(change(orderId, 'paid', key), db)))
    assert.deepEqual(results.map(kind), ['changed', 'changed'])
    assert.deepEqual(results[0], results[1])
    assert.equal(await versionOf(orderId), 2)
  }
})

test('rule 2: a repeat gets the first outcome, whatever has happened since', async () => {
  const [orderId, none] = [unique('o'), unique('none')]
  const writes: [string, Write, Write][] = [
    ['missing', change(none, 'paid', unique('k')), create(none)],
    ['created', create(orderId, unique('k')), change(orderId, 'paid')],
    ['exists', create(orderId, unique('k')), change(orderId, 'sent')],
    ['unchanged', change(orderId, 'sent', unique('k')), change(orderId, 'lost')],
    ['other-version', change(orderId, 'found', unique('k'), 1), change(orderId, 'late')],
    ['changed', change(orderId, 'found', unique('k'), 5), change(orderId, 'end')],
  ]
  for (const [expected, write, meanwhile] of writes) {
    const first = await one(write)
    assert.equal(kind(first), expected)
    await one(meanwhile)
    const before = [await versionOf(orderId), await versionOf(none)]
    assert.deepEqual(
      await one({ ...write, command: { ...write.command, eventId: randomUUID() } }),
      first,
      `repeat of ${expected}`,
    )
    assert.deepEqual([await versionOf(orderId), await versionOf(none)], before)
  }
})

test('rule 2: another body under the key is refused; the same key under another operation is another key', async () => {
  const [orderId, key] = [unique('o'), unique('k')]
  await one(create(orderId, key))
  assert.deepEqual(await one(create(unique('o'), key)), { kind: 'another-request' })
  assert.equal(kind(await one(change(orderId, 'paid', key))), 'changed')
})

test('rule 2: keys are forgotten after 24 hours', async () => {
  const [orderId, key] = [unique('o'), unique('k')]
  await one(create(orderId, key))
  await pool.query(`UPDATE idempotency SET created_at = now() - interval '23 hours 59 minutes' WHERE key = $1`, [key])
  await forgetOldKeys(pool)
  assert.equal(kind(await one(create(orderId, key))), 'created')
  await pool.query(`UPDATE idempotency SET created_at = now() - interval '24 hours 1 minute' WHERE key = $1`, [key])
  await forgetOldKeys(pool)
  assert.equal(kind(await one(create(orderId, key))), 'exists')
})

test('rule 3: an event holds the row as it is under its lock, and outbox ids ascend with versions', async () => {
  const orderId = unique('o')
  await one(create(orderId))
  await Promise.all(Array.from({ length: 20 }, (_, i) => one(change(orderId, `s${i}`), i % 2 ? pool : second)))
  const events = await eventsOf(orderId)
  assert.deepEqual(
    events.map(({ version }) => version),
    Array.from({ length: 21 }, (_, i) => i + 1),
  )
  for (const [i, event] of events.slice(1).entries()) assert.equal(event.previousStatus, events[i]!.order.status)
  assert.deepEqual(events.at(-1)!.order, (await orderOf(pool, orderId))!.order)
})

test('rule 5: a row that the database refuses fails alone, stores nothing, and leaves its key unused', async () => {
  const [bad, good, key] = [unique('bad'), unique('good'), unique('k')]
  const group = [create(unique('o')), create(bad, key, { customerId: 'refused' }), create(good), change('none', 'paid')]
  const results = await commitAll(pool, group)
  assert.deepEqual(results.map(kind), ['created', 'data', 'created', 'missing'])
  assert.equal(await versionOf(bad), undefined)
  assert.equal((await eventsOf(good)).length, 1)
  assert.deepEqual(await eventsOf(bad), [])
  assert.equal(kind(await one(create(bad, key))), 'created')
})

test('rule 5: a change that the database refuses, as late as with the COMMIT, fails alone', async () => {
  const [bad, good, key] = [unique('bad'), unique('good'), unique('k')]
  await commitAll(pool, [create(bad), create(good)])
  const group = [change(good, 'paid', unique('k')), change(bad, 'refused', key), create(unique('o'))]
  assert.deepEqual((await commitAll(pool, group)).map(kind), ['changed', 'data', 'created'])
  assert.deepEqual([(await eventsOf(good)).length, (await eventsOf(bad)).length], [2, 1])
  assert.equal(kind(await one(change(bad, 'paid', key))), 'changed')
})

test('rule 5: an event that the outbox refuses fails alone, whatever its key says behind it', async () => {
  const [bad, good] = [unique('bad'), unique('good')]
  await pool.query(`ALTER TABLE outbox ADD CONSTRAINT test CHECK (key <> '${bad}'::bytea)`)
  try {
    const group = [create(good, unique('k')), create(bad, unique('k')), create(unique('o'))]
    assert.deepEqual((await commitAll(pool, group)).map(kind), ['created', 'data', 'created'])
    assert.deepEqual([(await eventsOf(good)).length, (await eventsOf(bad)).length], [1, 0])
  } finally {
    await pool.query('ALTER TABLE outbox DROP CONSTRAINT test')
  }
})

test('rule 5: what is not the fault of a row fails the group, which stores nothing', async () => {
  const orderId = unique('o')
  await pool.query('ALTER TABLE outbox RENAME TO gone')
  await assert.rejects(one(create(orderId)), /outbox/)
  await pool.query('ALTER TABLE gone RENAME TO outbox')
  assert.equal(await versionOf(orderId), undefined)
})
