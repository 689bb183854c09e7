// B4: a backlog applied by the order service, beside one transaction an event, eight side by side. The service goes on in
// its database from round to round, so that its tables grow; the baseline, which is slow, begins with an empty one.
import { setTimeout as pause } from 'node:timers/promises'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import pg from 'pg'
import { ask, type Bed, firstLine } from '../bed.ts'
import type { Bench, Turn } from '../bench.ts'
import type { Round } from '../results.ts'
import { recordsIn } from './creates.ts'

const events = Number(process.env.BENCH_BACKLOG ?? 1_000_000)
/** A process is new in each round. */
const mostWarm = 2

export const backlog: Bench = {
  id: 'B4',
  title: `a backlog of ${events.toLocaleString('en')}: the order service / one transaction an event, 8 side by side`,
  aims: [
    { of: 'value', atLeast: 45_000, before: 22_400 },
    { of: 'cpu', atMost: 22, before: 43 },
  ],
  stacks: ['none'],
  warm: 1,
  async open(bed) {
    const stack = bed.stack('none')
    const [kafka, registry] = [stack.address('kafka'), stack.address('registry')]
    const total = await filled(bed, stack)
    const env = { KAFKA_BROKERS: kafka, SCHEMA_REGISTRY_URL: registry, HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'warn' }
    let own = await bed.database(stack)
    let left = total
    return {
      sides: [
        {
          name: 'order service',
          unit: 'events/s',
          async run(turn) {
            if (left < total / 3) own = await bed.database(stack)
            const service = () =>
              bed.node('order', '../../services/order/src/main.ts', [], { ...env, DATABASE_URL: own })
            const { round, applied } = await applying(bed, service, own, inboxApplied, total, turn)
            left = total - applied
            return round
          },
        },
        {
          name: 'one transaction an event',
          unit: 'events/s',
          async run(turn) {
            const url = await bed.database(stack)
            const consumer = () =>
              bed.node('consumer', 'programs/one-by-one-consumer.ts', [url, kafka, orderEvents.name])
            return (await applying(bed, consumer, url, 'SELECT sum(applied) AS n FROM position', total, turn)).round
          },
        },
      ],
    }
  },
}

export const inboxApplied = 'SELECT sum(next_offset) AS n FROM inbox_position'

/** Fills the topic up to the backlog, where nothing else is in it; gives how many records that is. */
export async function filled(bed: Bed, stack: Stack): Promise<number> {
  const [kafka, registry] = [stack.address('kafka'), stack.address('registry')]
  const admin = new KafkaAdmin({ brokers: kafka.split(','), clientId: 'bench' })
  const missing = events - (await recordsIn(admin, orderEvents.name))
  if (missing > 0) {
    const filler = bed.node('filler', 'programs/raw-produce.ts', [kafka, registry, orderEvents.name, 'fill'])
    await firstLine(filler)
    await ask(filler, { count: missing, distinct: `backlog-${Date.now()}` })
    await bed.end(filler)
  }
  const total = await recordsIn(admin, orderEvents.name)
  await admin.close()
  return total
}

/** Runs a consumer, and measures it from when it is warm until `seconds` have gone or all is applied. */
export async function applying(
  bed: Bed,
  start: () => ReturnType<Bed['node']>,
  databaseUrl: string,
  count: string,
  total: number,
  { seconds }: Turn,
  warm = Math.min(mostWarm, seconds),
): Promise<{ round: Round; applied: number }> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 })
  const applied = async () => Number((await pool.query(count)).rows[0]?.n ?? 0)
  const before = await applied().catch(() => 0)
  const consumer = start()
  try {
    await until('the consumer applies', async () => (await applied()) > before)
    await pause(warm * 1_000)
    const meter = bed.meter()
    const first = await applied()
    if (first >= total) throw new Error('all is applied before it is measured: BENCH_BACKLOG is too small')
    const begun = performance.now()
    let [last, elapsed] = [first, 0]
    await until(`${total} events are applied, or ${seconds} s have gone`, async () => {
      last = await applied()
      elapsed = (performance.now() - begun) / 1_000
      return last >= total || elapsed >= seconds
    })
    return { round: meter({ value: (last - first) / elapsed }, last - first), applied: last }
  } finally {
    await bed.end(consumer)
    await pool.end()
  }
}
