// What is looked up by order does not depend on how many rows a table had when PostgreSQL looked at it last.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { type Tx, transaction } from '@inorder/storage/transaction.ts'
import { freshDatabase } from '@inorder/testing/parts.ts'
import { rowsRead } from '@inorder/testing/rows-read.ts'
import { migrationsOf } from './migrations.ts'

interface LookUps {
  table: string
  /** Inserts rows of the orders `o-<from>` to `o-<to>`. */
  rows(from: number, to: number): string
  find(db: Tx, orderId: string): Promise<unknown>
  load(tx: Tx, orderIds: readonly string[]): Promise<unknown>
}

export const readsOnlyWhatIsAskedFor = (service: string, migrations: URL, { table, rows, find, load }: LookUps) =>
  test(`of ${table} only what is asked for is read, where the table was small when the session saw it first`, async (t) => {
    const database = await freshDatabase(service)
    await migrate(database.url, migrationsOf(service, migrations))
    const pool = openPool({ url: database.url, name: 'test', max: 1 })
    t.after(async () => {
      await pool.end()
      await database.drop()
    })
    await pool.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`)
    await pool.query(rows(1, 7))
    await pool.query(`VACUUM ANALYZE ${table}`)
    for (let n = 0; n < 10; n++) await find(pool, 'o-1')
    await pool.query(rows(8, 20_000))
    await transaction(pool, async (tx) => {
      assert.equal((await rowsRead(tx, () => find(tx, 'o-3'))).get(table), 1)
      assert.equal((await rowsRead(tx, () => load(tx, ['o-3', 'o-9']))).get(table), 2)
    })
  })
