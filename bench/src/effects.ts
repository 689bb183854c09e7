// node stack/bootstrap.js bench/src/effects.ts: slow effects of many orders side by side, beside one after the other, in
// the same run. 100 orders of 10 effects, 20 ms each; an effect counts when its result is stored.
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { EffectRunner } from '@inorder/messaging/effects/runner.ts'
import { addEffects, effectRows } from '@inorder/messaging/inbox/effect-rows.ts'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { type Tx, transaction } from '@inorder/storage/transaction.ts'
import { startStack } from '@inorder/testing/stack.ts'
import pg, { type Pool } from 'pg'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { median } from './median.ts'

const rounds = Number(process.env.BENCH_ROUNDS ?? 3)
const orders = Array.from({ length: 100 }, (_, i) => `o-${i}`)
const each = 10
const ms = 20

const migrations = new URL('../../migrations/', import.meta.resolve('@inorder/messaging/effects/runner.ts'))
const folders = ['inbox', 'effects'].map((name) => ({ name, path: fileURLToPath(new URL(name, migrations)) }))

const perform = () => pause(ms, 'ok')
const settle = (tx: Tx, { key, n }: { key: string; n: number }, result: unknown) =>
  tx.query({ name: 'settle', text: 'INSERT INTO done VALUES ($1, $2, $3)', values: [key, n, result] })

/** Empties the tables and asks for everything anew; seconds that `work` takes to settle it. */
async function seconds(pool: Pool, work: () => Promise<void>): Promise<number> {
  await pool.query('TRUNCATE effect, done')
  const asked = Array.from({ length: each }, (_, i) => ({ kind: 'call', payload: { i } }))
  const rows = orders.flatMap((o) => effectRows(o, { eventId: o, version: 1 }, asked))
  await transaction(pool, (tx) => addEffects(tx, rows))
  const begin = performance.now()
  await work()
  const took = (performance.now() - begin) / 1000
  const { rowCount } = await pool.query('SELECT FROM done WHERE NOT EXISTS (SELECT FROM effect)')
  if (rowCount !== rows.length) throw new Error(`${rowCount} of ${rows.length} results are stored`)
  return took
}

/** The usual loop: perform it, then store its result and remove it in one transaction. */
async function oneByOne(pool: Pool): Promise<void> {
  const { rows } = await pool.query('SELECT key, version, n FROM effect ORDER BY 1, 2, 3')
  for (const effect of rows) {
    const result = await perform()
    await transaction(pool, async (tx) => {
      await settle(tx, effect, result)
      const { key, version, n } = effect
      const text = 'DELETE FROM effect WHERE key = $1 AND version = $2 AND n = $3'
      await tx.query({ name: 'remove', text, values: [key, version, n] })
    })
  }
}

async function sideBySide(pool: Pool): Promise<void> {
  let settled = 0
  const all = Promise.withResolvers<void>()
  const runner = new EffectRunner({
    pool,
    kinds: {
      call: {
        perform,
        async settle(tx, effect, result) {
          await settle(tx, effect, result)
          if (++settled === orders.length * each) all.resolve()
        },
      },
    },
    logger: pino({ level: 'warn' }),
    metrics: new Registry(),
  })
  runner.start()
  await all.promise
  await runner.close()
}

const stack = await startStack({ env: { INORDER_SERVICES: 'none', LOG_LEVEL: 'warn' } })
try {
  const server = `postgres://postgres@${stack.address('postgres')}`
  const client = new pg.Client({ connectionString: `${server}/postgres` })
  await client.connect()
  await client.query('CREATE DATABASE bench_effects')
  await client.end()
  const url = `${server}/bench_effects`
  await migrate(url, folders)
  const pool = openPool({ url, name: 'bench', max: 10 })
  await pool.query('CREATE TABLE done (order_id text, n int, result text, PRIMARY KEY (order_id, n))')
  await pool.query('INSERT INTO inbox_key (key) SELECT unnest($1::text[])', [orders])
  const ratios: number[] = []
  for (let round = 1; round <= rounds; round++) {
    const [one, many] = [await seconds(pool, () => oneByOne(pool)), await seconds(pool, () => sideBySide(pool))]
    ratios.push(one / many)
    console.log(`  one by one ${one.toFixed(2)} s   side by side ${many.toFixed(2)} s   ${(one / many).toFixed(1)} x`)
  }
  console.log(`  median ${median(ratios).toFixed(1)} x`)
  await pool.end()
} finally {
  await stack.stop()
}
