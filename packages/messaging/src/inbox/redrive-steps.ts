// Rule 18: what is parked of one key is taken up again in steps, each in its own transaction under the key's row and
// with the decisions of a batch. Between two steps the key is due: what arrives is parked behind, and whoever comes goes on.
//
//   reading    what could not be read is read anew, in order of arrival
//   applying   by version, up to the first record that still cannot be read, which then is the head
//   settling   what is left is dropped as a duplicate, is a conflict, waits for a version, or stands behind the head
//
// A step goes through all three if nothing of them is more than it takes. The first two repeated change nothing.
import type { Tx } from '@inorder/storage/transaction.ts'
import { type Fault, placeName } from '../kafka/event.ts'
import type { SourceRecord } from '../kafka/record.ts'
import { applyEntries, type BatchContext, nothingSaved, type Saved } from './apply.ts'
import { type Entry, entryOf, type KeyState } from './key-state.ts'
import type { Foreseen } from './ops.ts'
import { type ParkedRecord, saveParked } from './parked-store.ts'
import { conflicting, demote, dropPast, dropTwice, inTurn, last, leftOf, relabel, unread } from './parked-turns.ts'
import type { Share } from './redrive-sizes.ts'
import { saveKeys } from './store.ts'

export interface RedriveCursor {
  readonly phase: 'reading' | 'applying' | 'settling'
  /** Number of the last record that was read anew. */
  readonly readTo: bigint
}

export const beginning: RedriveCursor = { phase: 'reading', readTo: 0n }

export interface Step<State, Event> {
  readonly saved: Saved<State, Event>
  /** What became of records that are not parked under the key any more, by name. */
  readonly fates: ReadonlyMap<string, Foreseen>
  /** Where the next step begins; undefined: all is done. */
  readonly next: RedriveCursor | undefined
}

type Fates = Map<string, Foreseen>
const tell = (fates: Fates, event: string, becomes: string, version: number | null, fault?: Fault) =>
  fates.set(event, { event, version, becomes, cause: fault?.cause ?? null, detail: fault?.detail ?? null })

export interface Size extends Share {
  /** Each event under a savepoint of its own. */
  readonly oneByOne: boolean
}

/** By name, the bytes of records that are kept by reference, read from the log before. */
export type AtHand = ReadonlyMap<string, SourceRecord>

export async function takeStep<State, Event>(
  tx: Tx,
  keyState: KeyState<State, Event>,
  context: BatchContext<State, Event>,
  cursor: RedriveCursor,
  size: Size,
  atHand: AtHand,
): Promise<Step<State, Event>> {
  const { key } = keyState
  const keyStates = new Map([[key, keyState]])
  const read = ({ topicId, event, record, parking }: ParkedRecord) => {
    const bytes = atHand.get(event) ?? record
    return entryOf({ ...context.decoder.decode(topicId, bytes), record }, parking)
  }
  const nothing = nothingSaved<State, Event>()
  const fates: Fates = new Map()

  // 1. Reading.
  const taken = cursor.phase === 'reading' ? await unread(tx, key, cursor.readTo, size) : { records: [], more: false }
  const reread = taken.records.map((row) => ({ row, entry: read(row) }))
  const anew = reread.map(({ entry }) => entry)
  const strays = await saveRead(tx, context, key, anew, fates)
  if (taken.more) {
    const saved = await applyEntries(tx, strays, keyStates, context, false)
    return { saved, fates, next: { phase: 'reading', readTo: taken.records.at(-1)!.seq } }
  }

  // 2. Applying.
  let saved: Saved<State, Event> = nothing
  if (cursor.phase !== 'settling') {
    const wall = hasReadAll(cursor)
      ? reread.find(({ entry }) => isUnread(entry) && !entry.keyless)?.row
      : (await unread(tx, key, 0n, { records: 1, bytes: size.bytes })).records[0]
    const turns = await inTurn(tx, key, wall?.seq ?? last, size)
    const entries = turns.records.map(read)
    const stopping = wall ? [read(wall)] : []
    const changed = [...entries.filter(isUnread), ...stopping.filter((entry) => !isUnread(entry))]
    if (changed.length > 0) {
      strays.push(...(await saveRead(tx, context, key, changed, fates)))
      saved = await applyEntries(tx, strays, keyStates, context, false)
      return { saved, fates, next: { ...cursor, phase: 'applying' } }
    }
    const hasTurn = (entries[0]?.version ?? Infinity) <= keyState.version + 1
    const isAll = !hasTurn || !turns.more
    keyState.blocked = false
    const own = [...(hasTurn ? entries : []), ...(isAll ? stopping : [])]
    saved = await applyEntries(tx, [...own, ...strays], keyStates, context, size.oneByOne)
    const applied = new Set(saved.applied.map(({ event }) => event))
    for (const entry of own) {
      const becomes = entry.decoded && applied.has(entry.decoded.event) ? 'applied' : 'duplicate'
      if (!entry.parking) tell(fates, placeName(entry.topicId, entry), becomes, entry.version)
    }
    if (!isAll && !keyState.blocked) return { saved, fates, next: { ...cursor, phase: 'applying' } }
  }

  // 3. Settling.
  let left = await leftOf(tx, key, keyState.version)
  let rivalry = nothing
  let dropped = 0
  let isSettled = true
  if (left.stale) {
    const past = await dropPast(tx, key, keyState.version, keyState.eventId)
    for (const { event, version } of past) tell(fates, event, 'duplicate', version)
    dropped = past.length
    const rivals = await conflicting(tx, key, keyState.version, size)
    if (rivals.records.length > 0) rivalry = await applyEntries(tx, rivals.records.map(read), keyStates, context, false)
    await demote(tx, key, keyState.version)
    left = await leftOf(tx, key, keyState.version)
    isSettled = !rivals.more
  }
  if (left.any && isSettled) isSettled = await relabel(tx, key, left.head, keyState.version + 1)
  keyState.blocked = left.head !== undefined
  keyState.due = null
  keyState.horizon = left.any ? keyState.version : Infinity
  const next = left.hasTurn ? 'applying' : isSettled ? undefined : 'settling'
  if (!next) await saveKeys(tx, [keyState])
  return {
    saved: {
      ...saved,
      moved: saved.moved.union(rivalry.moved),
      duplicates: saved.duplicates + dropped,
      copies: [...saved.copies, ...rivalry.copies],
    },
    fates,
    next: next && { ...cursor, phase: next },
  }
}

/** This very step has read all that could not be read. */
const hasReadAll = ({ phase, readTo }: RedriveCursor) => phase === 'reading' && readTo === 0n

const isUnread = <Event>({ decoded, keyless }: Entry<Event>) => !decoded || keyless

/** Writes what is known of records that were read anew. Gives those that belong to no key, which leave it. */
async function saveRead<State, Event>(
  tx: Tx,
  context: BatchContext<State, Event>,
  key: string,
  entries: readonly Entry<Event>[],
  fates: Fates,
): Promise<Entry<Event>[]> {
  const strays = entries.filter((entry) => entry.keyless)
  for (const entry of entries) {
    const known = entry.fault ?? { cause: 'behind', detail: 'an earlier record of the key is parked' }
    if (!entry.before) continue
    const state = entry.decoded || entry.before.state === 'head' ? entry.before.state : 'behind'
    entry.parking = { ...entry.before, ...known, state }
  }
  const gone = strays.map((entry) => ({ ...entry, key, parking: undefined }))
  await saveParked(tx, context.topic.name, [...entries.filter((entry) => !entry.keyless), ...gone])
  const versions = entries.flatMap(({ keyless, version }) => (keyless || version === null ? [] : version))
  for (const entry of strays) tell(fates, placeName(entry.topicId, entry), 'head', null, entry.fault)
  for (const { event, version } of await dropTwice(tx, key, versions)) tell(fates, event, 'duplicate', version)
  return strays.map((entry) => ({ ...entry, before: undefined, parking: undefined }))
}
