// What is read of the invoices does not depend on how many there were when PostgreSQL looked at them last.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { migrationsOf } from '@inorder/service/migrations.ts'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { transaction } from '@inorder/storage/transaction.ts'
import { freshDatabase } from '@inorder/testing/parts.ts'
import { rowsRead } from '@inorder/testing/rows-read.ts'
import { find, load } from './store.ts'

const invoices = (from: number, to: number) =>
  `INSERT INTO invoices (order_id, customer_id, amount, currency, status, asked)
   SELECT 'o-' || n, 'c', 1, 'USD', 'draft', 'nothing' FROM generate_series(${from}, ${to}) AS n`

test('an invoice is looked up, and none other, where the table was small when the session saw it first', async (t) => {
  const database = await freshDatabase('billing')
  await migrate(database.url, migrationsOf('billing', new URL('../migrations', import.meta.url)))
  const pool = openPool({ url: database.url, name: 'test', max: 1 })
  t.after(async () => {
    await pool.end()
    await database.drop()
  })
  await pool.query('ALTER TABLE invoices SET (autovacuum_enabled = off)')
  await pool.query(invoices(1, 7))
  await pool.query('VACUUM ANALYZE invoices')
  for (let n = 0; n < 10; n++) await find(pool, 'o-1')
  await pool.query(invoices(8, 20_000))
  await transaction(pool, async (tx) => {
    assert.equal((await rowsRead(tx, () => find(tx, 'o-3'))).get('invoices'), 1)
    assert.equal((await rowsRead(tx, () => load(tx, ['o-3', 'o-9']))).get('invoices'), 2)
  })
})
