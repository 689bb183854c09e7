// B6: from the cart's commit to the order service's, at a steady rate, beside a bare produce and consume with the same
// client. The times of the commits are PostgreSQL's own: both databases are of one server, so of one clock.

import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import pg from 'pg'
import { ask, firstLine } from '../bed.ts'
import type { Bench } from '../bench.ts'
import { caughtUp } from '../caught-up.ts'
import { createOpenLoop } from '../open-loop.ts'
import { percentile } from '../ratio.ts'
import { newTopic } from './creates.ts'

const perSecond = Number(process.env.BENCH_RATE ?? 1_000)
const connections = 1_000

export const latency: Bench = {
  id: 'B6',
  title: `p99 at ${perSecond} orders/s: commit to applied / bare produce to consume`,
  aims: [{ of: 'ratio', atMost: 2 }],
  stacks: ['cart,order'],
  async open(bed) {
    const stack = bed.stack('cart,order')
    await timeCommits(stack)
    const { topic, admin } = await newTopic(stack)
    await admin.close()
    const [kafka, registry] = [stack.address('kafka'), stack.address('registry')]
    const bare = bed.node('client', 'programs/bare-latency.ts', [kafka, registry, topic])
    await firstLine(bare)
    const pools = ['cart', 'order'].map((name) => new pg.Pool({ connectionString: stack.databaseUrl(name), max: 1 }))
    return {
      sides: [
        {
          name: 'commit to applied',
          unit: 'ms',
          async run({ label, seconds }) {
            const meter = bed.meter(stack)
            await createOpenLoop(stack.url('cart'), label, { perSecond, seconds, connections })
            await caughtUp(stack)
            const round = meter({ value: 0 }, perSecond * seconds)
            const [committed, applied] = (await Promise.all(pools.map((pool) => commits(pool, label)))) as [
              Commits,
              Commits,
            ]
            if (applied.size !== committed.size) throw new Error(`${applied.size} of ${committed.size} are applied`)
            const times = [...committed].map(([id, at]) => applied.get(id)! - at)
            const p99 = percentile(times, 0.99)
            return { ...round, value: p99, p50: percentile(times, 0.5), p99 }
          },
        },
        {
          name: 'produce to consume',
          unit: 'ms',
          async run({ label, seconds }) {
            const meter = bed.meter(stack)
            const times = await ask<{ p50: number; p99: number }>(bare, { perSecond, seconds, prefix: label })
            return meter({ ...times, value: times.p99 }, perSecond * seconds)
          },
        },
      ],
      async close() {
        await Promise.all(pools.map((pool) => pool.end()))
      },
    }
  },
}

type Commits = Map<string, number>

/** When the orders were committed, in ms. */
async function commits(pool: pg.Pool, prefix: string): Promise<Commits> {
  const { rows } = await pool.query(
    `SELECT order_id, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 * 1000 AS at
     FROM orders WHERE starts_with(order_id, $1)`,
    [`${prefix}-`],
  )
  return new Map(rows.map(({ order_id, at }) => [order_id, at]))
}

/** PostgreSQL keeps the times of commits from its next start on. */
async function timeCommits(stack: Stack): Promise<void> {
  const client = new pg.Client({ connectionString: stack.databaseUrl('cart') })
  client.on('error', () => {})
  await client.connect()
  const { rows } = await client.query('SHOW track_commit_timestamp')
  if (rows[0].track_commit_timestamp !== 'on') {
    await client.query('ALTER SYSTEM SET track_commit_timestamp = on')
    const pid = stack.kill('postgres', 'SIGINT')
    await until('PostgreSQL is started again', () => stack.parts().some((p) => p.name === 'postgres' && p.pid !== pid))
  }
  await client.end().catch(() => {})
  const isReady = async (name: string) => (await fetch(`${stack.url(name)}/health/ready`)).ok
  await until('the services are ready', async () => (await isReady('cart')) && isReady('order'))
}
