import type { Topic } from '@inorder/contracts/topic.ts'
import { sqlFault, type Tx, transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import { withoutDiscarded } from '../parking/discarded.ts'
import { healShare } from '../parking/sizes.ts'
import { parkedBefore, waitingRecords } from '../parking/store.ts'
import { applyEntries, type Saved } from './apply.ts'
import { know, remember } from './decide.ts'
import { type Decoder, SchemasMissing } from './decode.ts'
import type { Handler } from './handler.ts'
import type { Entry, Order } from './order.ts'
import { addOrderIds } from './order-ids.ts'
import type { Span } from './record.ts'
import { type LockedOrders, lockOrders, lockPositions, movePositions } from './store.ts'

export interface Batch<Event> {
  readonly topicId: string
  /** In the order of each partition. */
  readonly entries: readonly Entry<Event>[]
  readonly spans: ReadonlyMap<number, Span>
}

export interface BatchResult<State, Event> extends Saved<State, Event> {
  /** Records of the batch, duplicates and all. */
  readonly size: number
  /** The positions that moved. */
  readonly positions: ReadonlyMap<number, bigint>
}

export interface BatchContext<State, Event> {
  readonly topic: Topic<Event>
  readonly handler: Handler<State, Event>
  readonly decoder: Decoder<Event>
  readonly service: string
  readonly instance: string
}

/** Records between the position and the batch were never read: the stream must be opened anew at the positions. */
export class Hole extends Error {
  override readonly name = 'Hole'
}

/** One by one takes four statements an event: a transaction of more would meet its deadline on a slow day, for ever. */
const mostSingly = 50

/**
 * One batch in one transaction. Rule 17: if the database refuses something in it, it is run again event by event, which
 * finds what that is. Everything else that fails is thrown; what `onCommitted` was not told of is not stored then.
 */
export async function commitBatch<State, Event>(
  pool: Pool,
  batch: Batch<Event>,
  context: BatchContext<State, Event>,
  onCommitted: (result: BatchResult<State, Event>) => void,
): Promise<void> {
  const commit = async (part: Batch<Event>, singly: boolean): Promise<BatchResult<State, Event>> => {
    try {
      return await transaction(pool, (tx) => applyBatch(tx, part, context, singly))
    } catch (error) {
      if (!(error instanceof SchemasMissing)) throw error
      await context.decoder.learn(error.ids)
      return commit(part, singly)
    }
  }
  let result: BatchResult<State, Event>
  try {
    result = await commit(batch, false)
  } catch (error) {
    if (sqlFault(error) !== 'row') throw error
    for (const part of partsOf(batch)) onCommitted(await commit(part, true))
    return
  }
  onCommitted(result)
}

/** The same records in the same order, some at a time; the last part has what the spans hold behind them. */
function* partsOf<Event>({ topicId, entries, spans }: Batch<Event>): Generator<Batch<Event>> {
  const reached = new Map([...spans].map(([partition, { from }]) => [partition, from]))
  const spanTo = (partition: number, next: bigint): [number, Span] => [
    partition,
    { from: reached.get(partition) ?? next, next },
  ]
  for (let n = 0; n < entries.length; n += mostSingly) {
    const part = entries.slice(n, n + mostSingly)
    const partSpans = new Map(part.map(({ partition, offset }) => spanTo(partition, offset + 1n)))
    yield { topicId, entries: part, spans: partSpans }
    for (const [partition, { next }] of partSpans) reached.set(partition, next)
  }
  yield { topicId, entries: [], spans: new Map([...spans].map(([partition, { next }]) => spanTo(partition, next))) }
}

/** Rule 14: always in this sequence of locks. */
async function applyBatch<State, Event>(
  tx: Tx,
  { topicId, entries, spans }: Batch<Event>,
  context: BatchContext<State, Event>,
  singly: boolean,
): Promise<BatchResult<State, Event>> {
  const { topic } = context

  // 1. Positions. What lies below them is applied already, whoever did it.
  const partitions = [...spans.keys()].sort((a, b) => a - b)
  const { positions, discarded } = await lockPositions(tx, { id: topicId, name: topic.name }, partitions)
  const moved = new Map<number, bigint>()
  for (const [partition, { from, next }] of spans) {
    const position = positions.get(partition) ?? 0n
    if (from > position) throw new Hole(`partition ${partition} is applied up to ${position}, and read from ${from} on`)
    if (next > position) moved.set(partition, next)
  }
  const fresh = entries.filter((entry) => entry.offset >= (positions.get(entry.partition) ?? 0n))
  for (const entry of fresh) entry.place = entry.before // the batch may be run a second time

  // 2. Orders; then, in the next statement, what is parked of them; then their states, and each event in order.
  const locked = await lockOrders<State, Event>(tx, fresh)
  const open = await withoutDiscarded(tx, fresh, discarded)
  await readParked(tx, locked, open, context.decoder, singly)
  const saved = await applyEntries(tx, open, locked, context, singly)
  const duplicates = saved.duplicates + fresh.length - open.length

  // 3. The positions; and last, under a lock of the whole topic, the ids that are new.
  await movePositions(tx, topicId, moved)
  await addOrderIds(tx, topic.name, locked.created)
  return { ...saved, duplicates, size: entries.length, positions: moved }
}

/** What the arriving events need of what is parked of their orders, however much that is. */
async function readParked<State, Event>(
  tx: Tx,
  { orders, rows }: LockedOrders<State, Event>,
  arriving: readonly Entry<Event>[],
  decoder: Decoder<Event>,
  singly: boolean,
): Promise<void> {
  const ofHeld = arriving.filter((entry) => !entry.orderless && rows.get(entry.orderId)?.held)
  if (ofHeld.length === 0) return
  // 1. The head, and whether an arriving event is parked already.
  for (const row of await parkedBefore(tx, ofHeld)) know(orders.get(row.orderId)!, row)
  // 2. Of orders whose gap an arriving event may close, the first events behind it.
  const healing = new Set<Order<State, Event>>()
  for (const { orderId, version } of ofHeld) {
    const order = orders.get(orderId)!
    if (order.blocked) continue
    if (version === order.version + 1) healing.add(order)
    else order.horizon = order.version
  }
  if (healing.size === 0) return
  for (const order of healing) order.horizon = Infinity
  const share = healShare(healing.size, singly)
  for (const { orderId, topicId, record, place, version, isLast } of await waitingRecords(tx, [...healing], share)) {
    const order = orders.get(orderId)!
    remember(order, decoder.entry(topicId, record, place))
    if (isLast) order.horizon = version
  }
}
