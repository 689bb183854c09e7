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
import type { BatchContext } from './apply.ts'
import { applyEntries, nothingSaved, type Saved } from './apply.ts'
import { type Entry, entryOf, rowOf } from './key-state.ts'
import { type ParkedRecord, saveParked } from './parked-store.ts'
import { conflicting, demote, dropPast, dropTwice, inTurn, leftOf, relabel, unread } from './parked-turns.ts'
import { type LockedKeys, saveKeys } from './store.ts'

export interface RedriveCursor {
  readonly phase: 'reading' | 'applying' | 'settling'
  /** Number of the last record that was read anew. */
  readonly readTo: bigint
}

export const beginning: RedriveCursor = { phase: 'reading', readTo: 0n }

export interface Step<State, Event> {
  readonly saved: Saved<State, Event>
  /** What became of records that are not parked under the key any more, by name. */
  readonly fates: ReadonlyMap<string, Fate>
  /** Where the next step begins; undefined: all is done. */
  readonly next: RedriveCursor | undefined
}

export interface Fate {
  readonly becomes: string
  readonly version: number | null
  readonly cause: string | null
  readonly detail: string | null
}

const fate = (becomes: string, version: number | null, fault?: Fault): Fate => ({
  becomes,
  version,
  cause: fault?.cause ?? null,
  detail: fault?.detail ?? null,
})

export interface Size {
  readonly records: number
  readonly bytes: number
  /** Each event under a savepoint of its own. */
  readonly oneByOne: boolean
}

/** By name, the bytes of records that are kept by reference, read from the log before. */
export type AtHand = ReadonlyMap<string, SourceRecord>

export async function takeStep<State, Event>(
  tx: Tx,
  locked: LockedKeys<State, Event>,
  context: BatchContext<State, Event>,
  cursor: RedriveCursor,
  size: Size,
  atHand: AtHand,
): Promise<Step<State, Event>> {
  const [keyState] = [...locked.keyStates.values()]
  if (!keyState) throw new Error('no key is locked')
  const { key } = keyState
  const read = ({ topicId, record, parking }: ParkedRecord) => {
    const bytes = atHand.get(placeName(topicId, record)) ?? record
    return entryOf({ ...context.decoder.decode(topicId, bytes), record }, parking)
  }
  const nothing = nothingSaved<State, Event>()

  // 1. Reading.
  const taken = cursor.phase === 'reading' ? await unread(tx, key, cursor.readTo, size) : { records: [], more: false }
  const reread = taken.records.map((row) => ({ row, entry: read(row) }))
  const anew = await saveRead(
    tx,
    context,
    key,
    reread.map(({ entry }) => entry),
  )
  if (taken.more) {
    const saved = await applyEntries(tx, anew.strays, locked, context, false)
    return { saved, fates: anew.fates, next: { phase: 'reading', readTo: taken.records.at(-1)!.seq } }
  }

  // 2. Applying.
  let saved: Saved<State, Event> = nothing
  const fates = new Map(anew.fates)
  if (cursor.phase !== 'settling') {
    const wall = hasReadAll(cursor)
      ? reread.find(({ entry }) => isUnread(entry) && !entry.keyless)?.row
      : (await unread(tx, key, 0n, { records: 1, bytes: size.bytes })).records[0]
    const turns = await inTurn(tx, key, wall?.seq, size)
    const entries = turns.records.map(read)
    const stopping = wall ? [read(wall)] : []
    const changed = [...entries.filter(isUnread), ...stopping.filter((entry) => !isUnread(entry))]
    if (changed.length > 0) {
      const again = await saveRead(tx, context, key, changed)
      saved = await applyEntries(tx, [...anew.strays, ...again.strays], locked, context, false)
      return { saved, fates: new Map([...fates, ...again.fates]), next: { ...cursor, phase: 'applying' } }
    }
    const hasTurn = (entries[0]?.version ?? Infinity) <= keyState.version + 1
    const isAll = !hasTurn || !turns.more
    keyState.blocked = false
    const own = [...(hasTurn ? entries : []), ...(isAll ? stopping : [])]
    saved = await applyEntries(tx, [...own, ...anew.strays], locked, context, size.oneByOne)
    const applied = new Set(saved.applied.map(({ event }) => event))
    for (const entry of own) {
      const becomes = entry.decoded && applied.has(entry.decoded.event) ? 'applied' : 'duplicate'
      if (!entry.parking) fates.set(placeName(entry.topicId, entry), fate(becomes, entry.version))
    }
    if (!isAll && !keyState.blocked) return { saved, fates, next: { ...cursor, phase: 'applying' } }
  }

  // 3. Settling.
  const row = rowOf(keyState)
  let left = await leftOf(tx, key, keyState.version)
  let rivalry = nothing
  let dropped = 0
  let isSettled = true
  if (left.stale) {
    const past = await dropPast(tx, key, keyState.version, keyState.eventId)
    for (const { event, version } of past) fates.set(event, fate('duplicate', version))
    dropped = past.length
    const rivals = await conflicting(tx, key, keyState.version, size)
    if (rivals.records.length > 0) rivalry = await applyEntries(tx, rivals.records.map(read), locked, context, false)
    await demote(tx, key, keyState.version)
    left = await leftOf(tx, key, keyState.version)
    isSettled = !rivals.more
  }
  if (left.any && isSettled) isSettled = await relabel(tx, key, left.head, keyState.version + 1)
  keyState.blocked = left.head !== undefined
  keyState.due = null
  keyState.horizon = left.any ? keyState.version : Infinity
  const next = left.hasTurn ? 'applying' : isSettled ? undefined : 'settling'
  if (!next) await saveKeys(tx, { keyStates: locked.keyStates, rows: new Map([[key, row]]) })
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

/** Writes what is known of records that were read anew. Those that belong to no key leave it. */
async function saveRead<State, Event>(
  tx: Tx,
  context: BatchContext<State, Event>,
  key: string,
  entries: readonly Entry<Event>[],
): Promise<{ strays: Entry<Event>[]; fates: Map<string, Fate> }> {
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
  const fates = new Map<string, Fate>()
  for (const entry of strays) fates.set(placeName(entry.topicId, entry), fate('head', null, entry.fault))
  for (const { event, version } of await dropTwice(tx, key, versions)) fates.set(event, fate('duplicate', version))
  return { strays: strays.map((entry) => ({ ...entry, before: undefined, parking: undefined })), fates }
}
