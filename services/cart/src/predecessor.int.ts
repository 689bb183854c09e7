// Rule 24: what has to go out before a change, as another instance has committed it.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { addToOutbox } from '@inorder/messaging/outbox/outbox.ts'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import type pg from 'pg'
import { commitGroup, commitWaiting } from './group.ts'
import { migrations } from './migrations.ts'
import { change, create } from './writes.fixture.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
let pool: pg.Pool
before(async () => {
  database = await freshDatabase('cart')
  await migrate(database.url, migrations)
  pool = openPool({ url: database.url, name: 'cart-1', max: 4 })
})
after(async () => {
  await pool.end()
  await database.drop()
})

const published = (eventId: string) => pool.query('DELETE FROM outbox WHERE event_id = $1', [eventId])

test('rule 24: a create has no predecessor; a change has one as long as that is in the outbox', async () => {
  const orderId = unique('o')
  const created = create(orderId)
  assert.equal((await commitGroup(pool, [created])).rows?.[0]?.after, null)
  const paid = change(orderId, 'paid')
  assert.equal((await commitGroup(pool, [paid])).rows?.[0]?.after, created.command.eventId)
  await published(created.command.eventId)
  await published(paid.command.eventId)
  assert.equal((await commitGroup(pool, [change(orderId, 'shipped')])).rows?.[0]?.after, null)
})

test('rule 24: a predecessor that another instance commits while its order is waited for is not missed', async () => {
  const orderId = unique('o')
  const created = create(orderId)
  await commitGroup(pool, [created])
  await published(created.command.eventId)
  // The change of another instance, which has not committed yet.
  const other = await pool.connect()
  const eventId = randomUUID()
  await other.query('BEGIN')
  await other.query(`UPDATE orders SET status = 'paid', version = 2, event_id = $2 WHERE order_id = $1`, [
    orderId,
    eventId,
  ])
  const record = { eventId, topic: orderEvents.name, key: Buffer.from(orderId), value: null, fingerprint: null }
  await addToOutbox(other, [{ ...record, headers: {}, origin: 'cart-2' }])
  const committed = commitWaiting(pool, change(orderId, 'shipped'), 60_000)
  await until('it waits for the order', async () => {
    const { rows } = await pool.query(`SELECT FROM pg_locks WHERE NOT granted
      AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())`)
    return rows.length > 0
  })
  await other.query('COMMIT')
  other.release()
  const { results, rows } = await committed
  assert.equal(results[0]?.kind, 'changed')
  assert.equal(rows?.[0]?.after, eventId)
})
