// B1: orders a second, beside the usual way of writing it. Alone, and with everything running: all five services, beside
// one that commits and publishes each order by itself, with four consumers that take a transaction for each event.
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import pg from 'pg'
import { type Bed, firstLine } from '../bed.ts'
import type { Bench, BenchSide } from '../bench.ts'
import { caughtUp } from '../caught-up.ts'
import { createOrders } from '../load.ts'
import type { Aim } from '../results.ts'

/** Creates at this address; the round lasts until `applied` says that all of it is. */
export const creating = (
  name: string,
  bed: Bed,
  stack: Stack,
  options: { url: string; connections: number; applied?: () => Promise<void> },
): BenchSide => ({
  name,
  unit: 'orders/s',
  async run({ label, seconds }) {
    const meter = bed.meter(stack)
    const begun = performance.now()
    const { created, perSecond, p50, p99, other } = await createOrders(
      options.url,
      label,
      { seconds },
      options.connections,
    )
    if (other > created / 100) console.log(`  ${name}: ${other} answers were not 201`)
    await options.applied?.()
    const value = options.applied ? created / ((performance.now() - begun) / 1_000) : perSecond
    return meter({ value, p50, p99 }, created)
  },
})

let topics = 0

/** A topic like that of the order events, for a baseline. */
export async function newTopic(stack: Stack): Promise<{ topic: string; admin: KafkaAdmin }> {
  const topic = `baseline-${++topics}`
  const admin = new KafkaAdmin({ brokers: stack.address('kafka').split(','), clientId: 'bench' })
  await admin.createTopics([{ name: topic, partitions: orderEvents.partitions, replicas: 1, configs: {} }], 10_000)
  return { topic, admin }
}

export const recordsIn = async (admin: KafkaAdmin, topic: string): Promise<number> =>
  Number((await admin.ends(topic, 10_000)).ends.reduce((sum, end) => sum + end, 0n))

const creates = (services: 'cart' | 'all', connections: number, aims: Aim[]): Bench => ({
  id: services === 'cart' ? `B1-${connections}` : `B1-all-${connections}`,
  title: `${services === 'cart' ? 'the cart' : 'all five services'} / one by one, ${connections} connections`,
  aims,
  stacks: [services],
  async open(bed) {
    const stack = bed.stack(services)
    const { topic, admin } = await newTopic(stack)
    const [kafka, registry] = [stack.address('kafka'), stack.address('registry')]
    const cart = bed.node('cart', 'programs/one-by-one-cart.ts', [await bed.database(stack), kafka, registry, topic])
    const url = await firstLine(cart)
    const consumers = services === 'all' ? await Promise.all([1, 2, 3, 4].map(() => consumer(bed, stack, topic))) : []
    const applied = async () => {
      const total = await recordsIn(admin, topic)
      await Promise.all(
        consumers.map((database) =>
          until('one by one has applied all', async () => (await appliedIn(database)) >= total, 600_000),
        ),
      )
    }
    return {
      sides: [
        creating('inorder', bed, stack, {
          url: stack.url('cart'),
          connections,
          ...(services === 'all' && { applied: () => caughtUp(stack) }),
        }),
        creating('one by one', bed, stack, { url, connections, ...(services === 'all' && { applied }) }),
      ],
      async close() {
        await Promise.all([admin.close(), ...consumers.map((database) => database.end())])
      },
    }
  },
})

/** Starts a consumer of the topic, with a database of its own. */
async function consumer(bed: Bed, stack: Stack, topic: string): Promise<pg.Pool> {
  const url = await bed.database(stack)
  bed.node('consumers', 'programs/one-by-one-consumer.ts', [url, stack.address('kafka'), topic])
  return new pg.Pool({ connectionString: url, max: 1 })
}

const appliedIn = async (database: pg.Pool): Promise<number> =>
  Number((await database.query('SELECT sum(applied) AS n FROM position')).rows[0].n)

export const creates64 = creates('cart', 64, [
  { of: 'ratio', atLeast: 5, before: 2.7 },
  { of: 'cpu', atMost: 190, before: 357 },
  { of: 'cpu.cart', atMost: 90, before: 180 },
])
export const creates16 = creates('cart', 16, [{ of: 'ratio', atLeast: 3.5, before: 1.7 }])
export const allCreates64 = creates('all', 64, [{ of: 'cpu', atMost: 750, before: 1589 }])
export const allCreates16 = creates('all', 16, [])
