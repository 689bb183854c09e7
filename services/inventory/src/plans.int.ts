// What the statements of a batch and of a round read does not depend on what PostgreSQL knows of the tables.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { migrationsOf } from '@inorder/service/migrations.ts'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { transaction } from '@inorder/storage/transaction.ts'
import { freshDatabase } from '@inorder/testing/parts.ts'
import { rowsRead } from '@inorder/testing/rows-read.ts'
import type { Pool } from 'pg'
import { allocate } from './allocation.ts'
import { mostChanges, readRound, writeRound } from './allocation-store.ts'
import { allocateRound } from './allocator.ts'
import type { Demand } from './demand.ts'
import { load, save, setOnHand } from './store.ts'

const tables = ['demand', 'demand_change', 'stock', 'reservation', 'waiting']

/** Orders that all wait for one item, and want one of their own besides. */
async function fill(pool: Pool, from: number, to: number): Promise<void> {
  const each = `FROM generate_series(${from}, ${to - 1}) AS n`
  const lines = `json_build_array(json_build_object('itemId', 'i' || n, 'quantity', 1), json_build_object('itemId', 'wanted', 'quantity', 1))`
  await pool.query(`INSERT INTO demand SELECT 'o' || n, 'open', ${lines} ${each}`)
  await pool.query(`INSERT INTO stock (item_id, on_hand, received) SELECT 'i' || n, 9, 9 ${each}`)
  await pool.query(`INSERT INTO reservation SELECT 'o' || n, -n, 'backordered', '[]' ${each}`)
  await pool.query(`INSERT INTO waiting SELECT i, -n, 'o' || n ${each}, unnest(ARRAY['i' || n, 'wanted']) AS i`)
}

/** A batch of so many new orders, as the inbox applies it. */
const batch = (pool: Pool, prefix: string, orders: number) =>
  transaction(pool, (tx) =>
    rowsRead(tx, async () => {
      await tx.query(`SELECT set_config('enable_seqscan', 'off', true)`)
      const demand: Demand = { state: 'open', lines: [{ itemId: 'wanted', quantity: 1 }] }
      const changed = new Map(Array.from({ length: orders }, (_, n) => [`${prefix}-${n}`, demand]))
      await load(tx, [...changed.keys()])
      await save(tx, changed)
    }),
  )

const round = (pool: Pool) =>
  transaction(pool, (tx) =>
    rowsRead(tx, async () => {
      const found = (await readRound(tx, mostChanges)) ?? assert.fail('nothing to do')
      await writeRound(tx, found, allocate(found.orders, found.available, found.ahead))
    }),
  )

function assertAtMost(read: ReadonlyMap<string, number>, most: number, when: string): void {
  for (const table of tables) {
    const rows = read.get(table) ?? assert.fail(`nothing is known of ${table}`)
    assert.ok(rows <= most, `${when}: ${rows} rows of ${table} are read`)
  }
}

for (const analysed of [false, true])
  test(`a round reads no more than it is about, of tables that were ${analysed ? 'analysed when they were nearly empty' : 'never analysed'}`, async (t) => {
    const database = await freshDatabase('inventory')
    await migrate(database.url, migrationsOf('inventory', new URL('../migrations', import.meta.url)))
    // One session: what it has planned while the tables were nearly empty it uses to the end.
    const pool = openPool({ url: database.url, name: 'test', max: 1 })
    t.after(async () => {
      await pool.end()
      await database.drop()
    })
    for (const table of tables) await pool.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`)
    await setOnHand(pool, 'wanted', 0)
    for (let n = 0; n < 10; n++) {
      await batch(pool, `early-${n}`, 2)
      await round(pool)
    }
    if (analysed) await pool.query('VACUUM ANALYZE')
    for (const [from, to, onHand] of [
      [1, 3_000, 20],
      [3_000, 30_000, 40],
    ] as const) {
      await fill(pool, from, to)
      assertAtMost(await batch(pool, `new-${to}`, 15), 15, `a batch of 15 beside ${to}`)
      assertAtMost(await round(pool), 2 * 15, `a round of 15 changes beside ${to}`)
      await setOnHand(pool, 'wanted', onHand)
      assertAtMost(await round(pool), 3_500, `a round of 1,000 places of ${to}`)
      while (await allocateRound(pool, mostChanges));
    }
  })
