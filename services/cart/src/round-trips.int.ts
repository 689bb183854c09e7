import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import { roundTrips } from '@inorder/testing/round-trips.ts'
import { tcpProxy } from '@inorder/testing/tcp-proxy.ts'
import type pg from 'pg'
import { commitGroup, type Write } from './group.ts'
import { migrations } from './migrations.ts'
import { orderOf } from './store.ts'
import { change, create } from './writes.fixture.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
let pool: pg.Pool
before(async () => {
  database = await freshDatabase('cart')
  await migrate(database.url, migrations)
  pool = openPool({ url: database.url, name: 'cart-1', max: 1 })
})
after(async () => {
  await pool.end()
  await database.drop()
})

const kindsOf = async (group: readonly Write[], db = pool) =>
  (await commitGroup(db, group)).results.map(({ kind }) => kind)
const statusOf = async (orderId: string) => (await orderOf(pool, orderId))?.order.status

test('a group of new orders, of changes, or of both is two round trips; with idempotency keys it is three', async () => {
  const trips = roundTrips(pool)
  const tripsOf = async (group: readonly Write[], expected: readonly string[]) => {
    const before = trips.count
    assert.deepEqual(await kindsOf(group), expected)
    return trips.count - before
  }
  const [a, b, c, d] = [unique('a'), unique('b'), unique('c'), unique('d')]
  assert.equal(await tripsOf([create(a)], ['created']), 2)
  assert.equal(await tripsOf([create(b), create(c)], ['created', 'created']), 2)
  assert.equal(await tripsOf([change(a, 'paid'), change(c, 'paid')], ['changed', 'changed']), 2)
  assert.equal(await tripsOf([change(b, 'paid'), create(d)], ['changed', 'created']), 2)
  const withKeys = [change(b, 'sent', unique('k')), create(unique('e'), unique('k')), change(d, 'paid')]
  assert.equal(await tripsOf(withKeys, ['changed', 'created', 'changed']), 3)
  // What is taken, and what is not there, is looked for in one more.
  assert.equal(await tripsOf([create(a), create(unique('f')), change(c, 'sent')], ['exists', 'created', 'changed']), 3)
  assert.equal(await tripsOf([change('none', 'paid'), change(c, 'late')], ['missing', 'changed']), 3)
})

test('rule 1: BEGIN is refused while the first statements of a group travel with it: nothing of the group is stored', async () => {
  const url = new URL(database.url)
  const proxy = await tcpProxy(url.hostname, Number(url.port))
  url.port = String(proxy.port)
  const proxied = openPool({ url: url.href, name: 'proxied', max: 1 })
  const stored = async () => {
    const { rows } = await pool.query(`SELECT (SELECT count(*) FROM outbox)::int AS events,
      (SELECT count(*) FROM orders)::int AS orders, (SELECT count(*) FROM idempotency)::int AS keys`)
    return rows[0]
  }
  const orderId = unique('o')
  await kindsOf([create(orderId)])
  const before = await stored()
  // The server itself refuses the BEGIN: it reads another word.
  proxy.fate = (piece) => {
    if (piece.includes('BEGIN')) piece.write('BEGUN', piece.indexOf('BEGIN'))
    return 'through'
  }
  for (const key of [undefined, unique('k')])
    await assert.rejects(kindsOf([create(unique('o')), change(orderId, 'paid', key)], proxied), /BEGUN/)
  assert.deepEqual(await stored(), before)
  assert.equal(await statusOf(orderId), 'new')
  proxy.fate = () => 'through'
  assert.deepEqual(await kindsOf([create(unique('o')), change(orderId, 'paid')], proxied), ['created', 'changed'])
  await proxied.end()
  await proxy.close()
})
