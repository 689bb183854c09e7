// B5: slow effects of many orders side by side, beside one after the other: 100 orders of 10 effects, 20 ms each; an effect
// counts when its result is stored.
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { EffectRunner } from '@inorder/messaging/effects/runner.ts'
import { addEffects, effectRows } from '@inorder/messaging/inbox/effect-rows.ts'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { type Tx, transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import type { Bench, BenchSide, Turn } from '../bench.ts'

const orders = Array.from({ length: 100 }, (_, i) => `o-${i}`)
const each = 10
const ms = 20

const migrations = new URL('../../migrations/', import.meta.resolve('@inorder/messaging/effects/runner.ts'))
const folders = ['inbox', 'effects'].map((name) => ({ name, path: fileURLToPath(new URL(name, migrations)) }))

export const effects: Bench = {
  id: 'B5',
  title: 'effects of 100 orders, 20 ms each: side by side / one by one',
  aims: [{ of: 'ratio', atLeast: 30 }],
  stacks: ['cart'],
  async open(bed) {
    const stack = bed.stack('cart')
    const url = await bed.database(stack)
    await migrate(url, folders)
    const pool = openPool({ url, name: 'bench', max: 10 })
    await pool.query('CREATE TABLE done (order_id text, n int, result text, PRIMARY KEY (order_id, n))')
    await pool.query('INSERT INTO inbox_key (key) SELECT unnest($1::text[])', [orders])
    const side = (name: string, work: (pool: Pool, turn: Turn) => Promise<number>): BenchSide => ({
      name,
      unit: 'effects/s',
      async run(turn) {
        await askForAll(pool)
        const meter = bed.meter(stack)
        const begun = performance.now()
        const settled = await work(pool, turn)
        const seconds = (performance.now() - begun) / 1_000
        const { rowCount } = await pool.query('SELECT FROM done')
        if (rowCount !== settled) throw new Error(`${rowCount} of ${settled} results are stored`)
        return meter({ value: settled / seconds }, settled)
      },
    })
    return { sides: [side('side by side', sideBySide), side('one by one', oneByOne)], close: () => pool.end() }
  },
}

async function askForAll(pool: Pool): Promise<void> {
  await pool.query('TRUNCATE effect, done')
  const asked = Array.from({ length: each }, (_, i) => ({ kind: 'call', payload: { i } }))
  const rows = orders.flatMap((o) => effectRows(o, { eventId: o, version: 1 }, asked))
  await transaction(pool, (tx) => addEffects(tx, rows))
}

const perform = () => pause(ms, 'ok')
const settle = (tx: Tx, { key, n }: { key: string; n: number }, result: unknown) =>
  tx.query({ name: 'settle', text: 'INSERT INTO done VALUES ($1, $2, $3)', values: [key, n, result] })

/** The usual loop, as far as it comes: perform it, then store its result and remove it in one transaction. */
async function oneByOne(pool: Pool, { seconds }: Turn): Promise<number> {
  const end = performance.now() + seconds * 1_000
  const { rows } = await pool.query('SELECT key, version, n FROM effect ORDER BY 1, 2, 3')
  let settled = 0
  for (const effect of rows) {
    if (performance.now() >= end) break
    const result = await perform()
    await transaction(pool, async (tx) => {
      await settle(tx, effect, result)
      const { key, version, n } = effect
      const text = 'DELETE FROM effect WHERE key = $1 AND version = $2 AND n = $3'
      await tx.query({ name: 'remove', text, values: [key, version, n] })
    })
    settled++
  }
  return settled
}

async function sideBySide(pool: Pool): Promise<number> {
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
  return settled
}
