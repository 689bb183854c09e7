// What grows, and what is measured of it.
import { setTimeout as pause } from 'node:timers/promises'
import type { Bed } from '../bed.ts'
import type { Round } from '../results.ts'
import type { Shop, Size } from './shop.ts'
import { changes, creates, drains } from './work.ts'

interface Point {
  shop: Shop
  bed: Bed
  value: number
  seconds: number
  /** Unlike that of another round. */
  label: string
}

export interface Curve {
  id: string
  title: string
  /** Name of the x axis. */
  x: string
  values: readonly number[]
  /** Of what a processor time is: `an order`. */
  unit: string
  phases: readonly string[]
  size(value: number): Size
  /** false: without the order service. */
  consumer?: boolean
  /** Rounds by phase. */
  measure(point: Point): Promise<Record<string, Round[]>>
  /** Why it is not flat. */
  note: string
}

const listed = (name: string, usual: readonly number[]): readonly number[] =>
  process.env[name]?.split(',').map(Number) ?? usual
const small = { orders: 10_000, partitions: 6, instances: 1 }
const usualBytes = 700
/** For what the generator has sent and hears no more of. */
const settleMs = 300

/**
 * Measured until the order service has applied it, after a while in which nothing counts: each point has new processes.
 * What counts is what came into the log: the generator hears no more of requests that are under way when its time is over.
 */
async function worked({ shop, bed, seconds, label }: Point, work: (label: string, seconds: number) => Promise<void>) {
  await work(`${label}-warm`, seconds * 0.75)
  await pause(settleMs)
  await shop.applied()
  const meter = bed.meter()
  const before = await shop.published()
  await work(label, seconds)
  await pause(settleMs)
  await shop.applied()
  const count = (await shop.published()) - before
  return [meter({ value: count / seconds }, count)]
}
const created = async (point: Point, bytes = usualBytes) =>
  worked(point, (label, seconds) => creates(point.shop, label, seconds, bytes))
const changed = async (point: Point, orders: number, hotShare = 0) =>
  worked(point, (label, seconds) => changes(point.shop, label, seconds, orders, hotShare))

export const curves: readonly Curve[] = [
  {
    id: 'orders',
    title: 'Orders that are stored',
    x: 'orders in the tables of the cart and of the order service',
    values: listed('GROWTH_ORDERS', [10_000, 100_000, 1_000_000]),
    unit: 'an order, or a change of one',
    phases: ['creates', 'changes'],
    size: (orders) => ({ ...small, orders }),
    async measure(point) {
      const creates = await created(point)
      return { creates, changes: await changed({ ...point, label: `${point.label}-changes` }, point.value) }
    },
    note: 'An index is a page deeper for each factor of about 300, and a change of any of a million orders, or of ten, meets a page that is not in PostgreSQL’s 128 MB.',
  },
  {
    id: 'outbox',
    title: 'Events that wait in the outbox',
    x: 'rows in the outbox',
    values: listed('GROWTH_OUTBOX', [1_000, 10_000, 100_000, 1_000_000]),
    unit: 'an event that is published and deleted',
    phases: ['drain'],
    size: () => small,
    consumer: false,
    async measure({ shop, bed, value, seconds }) {
      return { drain: [await drains(shop, value, Math.round(15_000 * seconds), () => bed.meter())] }
    },
    note: 'With few rows an event’s share of what a read, a request and a deletion cost as such is larger, and the last of them are waited for.',
  },
  {
    id: 'partitions',
    title: 'Partitions',
    x: 'partitions of the topic',
    values: listed('GROWTH_PARTITIONS', [6, 16, 32, 64]),
    unit: 'an order',
    phases: ['creates'],
    size: (partitions) => ({ ...small, partitions }),
    measure: async (point) => ({ creates: await created(point) }),
    note: 'A request holds a batch for each partition of which there is something, and Kafka writes each to a log of its own.',
  },
  {
    id: 'instances',
    title: 'Instances of the cart and of the order service',
    x: 'instances of each, on one machine and one database',
    values: listed('GROWTH_INSTANCES', [1, 2, 4]),
    unit: 'an order',
    phases: ['creates'],
    size: (instances) => ({ ...small, instances }),
    measure: async (point) => ({ creates: await created(point) }),
    note: 'The connections are shared out, so that groups and batches are smaller, and each has its fixed cost; what another instance committed goes to Kafka by way of the table. Instances are for a machine that is lost, and for more machines.',
  },
  {
    id: 'bytes',
    title: 'Size of an event',
    x: 'bytes of an event',
    values: listed('GROWTH_BYTES', [300, 3_000, 30_000, 100_000]),
    unit: 'an order',
    phases: ['creates'],
    size: () => small,
    measure: async (point) => ({ creates: await created(point, point.value) }),
    note: 'Every byte is parsed, validated, encoded, stored twice in the cart and once in the order service, and sent twice: what is flat is the cost of a byte, from about 3 KB on.',
  },
  {
    id: 'hot',
    title: 'Changes of a single order',
    x: '% of all changes that are of one order',
    values: listed('GROWTH_HOT', [0, 30, 60, 90]),
    unit: 'a change',
    phases: ['changes'],
    size: () => small,
    measure: async (point) => ({ changes: await changed(point, small.orders, point.value / 100) }),
    note: 'Changes of one order are made one after the other, a commit each: with 64 clients that wait for their answers nearly all of them wait for that order in the end, and groups are nearly empty.',
  },
]
