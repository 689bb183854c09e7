import { answered } from '@inorder/storage/answered.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import type { Decoder } from '../kafka/decode.ts'
import type { Span } from '../kafka/record.ts'
import {
  applyEntries,
  type BatchContext,
  changesBy,
  type Saved,
  type Search,
  saveChanges,
  withSchemas,
} from './apply.ts'
import { know, remember } from './decide.ts'
import { withoutDiscarded } from './discard.ts'
import { type Entry, entryOf, type KeyState } from './key-state.ts'
import { parkedBefore, waitingRecords } from './parked-store.ts'
import { InboxPaused, pausedAmong, readPauses } from './pauses.ts'
import { healShare } from './redrive-sizes.ts'
import { type LockedKeys, lockKeys, lockPositions, makePositions, movePositions } from './store.ts'
import { addTopicKeys } from './topic-keys.ts'

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

/** Records between the position and the batch were never read: the stream must be opened anew at the positions. */
export class OffsetGap extends Error {
  override readonly name = 'OffsetGap'
}

/** Keys were locked, and perhaps inserted, before a position was; or inserted for a record that is dropped. */
class LockedTooSoon extends Error {
  override readonly name = 'LockedTooSoon'
}

/** In one transaction. Where that has locked its keys too soon, which is rare, in a second one, step by step. */
export async function commitBatch<State, Event>(
  pool: Pool,
  batch: Batch<Event>,
  context: BatchContext<State, Event>,
  oneByOne: boolean,
  search?: Search<Event>,
): Promise<BatchResult<State, Event>> {
  const commit = (stepByStep: boolean) =>
    withSchemas(pool, context, (tx) => applyBatch(tx, batch, context, { oneByOne, stepByStep }, search))
  try {
    return await commit(oneByOne)
  } catch (error) {
    if (!(error instanceof LockedTooSoon)) throw error
    return commit(true)
  }
}

/**
 * Rule 14: always in this sequence of locks. Unless it goes `stepByStep` the keys are locked in the round trip of the
 * positions, as if all records stood above these.
 */
async function applyBatch<State, Event>(
  tx: Tx,
  { topicId, entries, spans }: Batch<Event>,
  context: BatchContext<State, Event>,
  { oneByOne, stepByStep }: { oneByOne: boolean; stepByStep: boolean },
  search?: Search<Event>,
): Promise<BatchResult<State, Event>> {
  const topic = { id: topicId, name: context.topic.name }

  // 1. Pauses, before any other lock (rule 25); positions. What lies below them is applied already, whoever did it.
  const partitions = [...spans.keys()].sort((a, b) => a - b)
  const reading = readPauses(tx)
  reading.catch(() => {})
  if (stepByStep) await makePositions(tx, topic, partitions)
  const locking = lockPositions(tx, topicId, partitions)
  const all = stepByStep ? undefined : lockKeys<State, Event>(tx, entries)
  all?.catch(() => {})
  const [paused, { positions, discarded }] = await answered([reading, locking])
  if (paused.inbox) throw new InboxPaused()
  if (positions.size < partitions.length) throw new LockedTooSoon()
  const moved = new Map<number, bigint>()
  for (const [partition, { from, next }] of spans) {
    const position = positions.get(partition) ?? 0n
    if (from > position)
      throw new OffsetGap(`partition ${partition} is applied up to ${position}, and read from ${from} on`)
    if (next > position) moved.set(partition, next)
  }
  const fresh = entries.filter((entry) => entry.offset >= (positions.get(entry.partition) ?? 0n))
  for (const entry of fresh) entry.parking = entry.before // the batch may be run a second time

  // 2. Keys; then, in the next statement, what is parked of them; then their states, and each event in order.
  const open = await withoutDiscarded(tx, fresh, discarded)
  const locked = await (all ?? lockKeys<State, Event>(tx, open))
  const { keyStates, created } = open.length < entries.length ? keysOf(open, locked) : locked
  if (paused.anyKey) for (const key of await pausedAmong(tx, [...keyStates.keys()])) keyStates.get(key)!.paused = true
  await readParked(tx, keyStates, open, context.decoder, oneByOne)
  const changes = await changesBy(tx, open, keyStates, context, oneByOne, search)

  // 3. All that is written.
  const sent = [movePositions(tx, topicId, moved), addTopicKeys(tx, topic, partitions[0]!, created)]
  const saved = await saveChanges(tx, changes, keyStates, context, oneByOne, sent)
  const duplicates = saved.duplicates + fresh.length - open.length
  return { ...saved, duplicates, size: entries.length, positions: moved }
}

/** The keys of these entries among those that were locked. */
function keysOf<State, Event>(
  entries: readonly Entry<Event>[],
  { keyStates, created }: LockedKeys<State, Event>,
): LockedKeys<State, Event> {
  const keys = new Set(entries.filter((entry) => !entry.keyless).map((entry) => entry.key))
  if (created.some((key) => !keys.has(key))) throw new LockedTooSoon()
  return { keyStates: new Map([...keyStates].filter(([key]) => keys.has(key))), created }
}

/** Whether this record alone would be applied now, for the caller to roll back. */
export async function isApplicable<State, Event>(
  tx: Tx,
  entry: Entry<Event>,
  context: BatchContext<State, Event>,
): Promise<boolean> {
  const copy = { ...entry, parking: entry.before }
  const { keyStates } = await lockKeys<State, Event>(tx, [copy])
  await readParked(tx, keyStates, [copy], context.decoder, true)
  return (await applyEntries(tx, [copy], keyStates, context, false)).applied.length > 0
}

/** What the arriving events need of what is parked of their keys, however much that is. */
async function readParked<State, Event>(
  tx: Tx,
  keyStates: ReadonlyMap<string, KeyState<State, Event>>,
  arriving: readonly Entry<Event>[],
  decoder: Decoder<Event>,
  oneByOne: boolean,
): Promise<void> {
  const ofHeld = arriving.filter((entry) => !entry.keyless && keyStates.get(entry.key)?.row.held)
  if (ofHeld.length === 0) return
  // 1. The head, and whether an arriving event is parked already.
  for (const row of await parkedBefore(tx, ofHeld)) know(keyStates.get(row.key)!, row)
  // 2. Of keys whose gap an arriving event may close, the first events behind it.
  const healing = new Set<KeyState<State, Event>>()
  for (const { key, version } of ofHeld) {
    const keyState = keyStates.get(key)!
    if (keyState.blocked) continue
    if (version === keyState.version + 1 && !keyState.paused) healing.add(keyState)
    else keyState.horizon = keyState.version
  }
  if (healing.size === 0) return
  for (const keyState of healing) keyState.horizon = Infinity
  const share = healShare(healing.size, oneByOne)
  for (const { key, topicId, record, parking, version, isLast } of await waitingRecords(tx, [...healing], share)) {
    const keyState = keyStates.get(key)!
    remember(keyState, entryOf(decoder.decode(topicId, record), parking))
    if (isLast) keyState.horizon = version
  }
}
