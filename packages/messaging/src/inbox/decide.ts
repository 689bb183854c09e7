// Rules 15 and 16, and the heart of 17 and 21: what becomes of each record, one after the other. Pure.
//
//   arrives, or is taken up again by a redrive
//           -> duplicate                      version below, or the very event that is applied or parked already;
//                                             also a version that was skipped, which then is told (`late`)
//           -> conflict    (listed)           another event of the version that is applied
//           -> behind      (parked)           a poison record stands at its key's head, or the key is due
//           -> head        (parked, blocks)   cannot be decoded, or applying it fails, or the key is paused
//           -> waiting     (parked)           a version before it is missing
//           -> applied, and after it each waiting version whose turn has come, as far as this transaction has read
//              them; if there may be more the key is due
//
// `judge` names the record to apply, if any; the caller tries it and gives what came of it to `settle`, which names the
// next. So the same decisions serve a batch in memory and the run under savepoints that looks for a guilty row.

import type { Fault } from '../kafka/event.ts'
import type { SourceRecord } from '../kafka/record.ts'
import type { EffectRow } from './effect-rows.ts'
import { type Entry, type KeyState, type Parking, pausedCause } from './key-state.ts'

/** What a batch does, gathered record by record. */
export interface Changes<State, Event> {
  readonly applied: {
    readonly key: string
    readonly version: number
    readonly event: Event
    readonly state: State
    readonly record: SourceRecord | undefined
  }[]
  /** Records that are parked now, or were before: those without `parking` are applied now, or duplicates. */
  readonly moved: Set<Entry<Event>>
  /** What the applied events ask for besides. */
  readonly effects: EffectRow[]
  /** Events of versions that were given up before they came. */
  readonly late: Entry<Event>[]
  duplicates: number
  healed: number
}

export const noChanges = <State, Event>(): Changes<State, Event> => ({
  applied: [],
  moved: new Set(),
  effects: [],
  late: [],
  duplicates: 0,
  healed: 0,
})

export type Tried<State> =
  | { readonly state: State; readonly effects?: readonly EffectRow[] | undefined }
  | { readonly fault: Fault }

const eventKey = (version: number, eventId: string): string => `${version}/${eventId}`

export function judge<State, Event>(
  keyState: KeyState<State, Event>,
  entry: Entry<Event>,
  changes: Changes<State, Event>,
): Entry<Event> | undefined {
  const { decoded } = entry
  const attempts = entry.parking?.attempts ?? 0
  // The guard comes before the block: a version that is applied stays so whatever the poison turns out to be, and a
  // topic read again from its start would otherwise park all of a blocked key's history.
  if (decoded) {
    const { version, eventId } = decoded
    const sameAsApplied = version === keyState.version && (keyState.eventId === null || eventId === keyState.eventId)
    if (version < keyState.version || sameAsApplied || keyState.parkedEvents.has(eventKey(version, eventId))) {
      changes.duplicates++
      if (keyState.skipped.some(({ from, to }) => from <= version && version <= to)) changes.late.push(entry)
      if (entry.parking) changes.moved.add(entry)
      entry.parking = undefined
      return undefined
    }
    if (version === keyState.version) {
      return put(keyState, entry, { state: 'conflict', cause: 'conflict', detail: twin(keyState), attempts }, changes)
    }
  }
  if (keyState.blocked) {
    const { cause, detail } = entry.fault ?? { cause: 'behind', detail: 'an earlier record of the key is parked' }
    return put(keyState, entry, { state: 'behind', cause, detail, attempts }, changes)
  }
  if (decoded && decoded.version > keyState.version + 1) {
    const detail = `version ${keyState.version + 1} has not come yet`
    return put(keyState, entry, { state: 'waiting', cause: 'gap', detail, attempts }, changes)
  }
  if (keyState.paused && decoded) {
    const detail = 'an operator has paused the key: it is applied when that ends, see GET /ops/pauses'
    return put(keyState, entry, { state: 'head', cause: pausedCause, detail, attempts }, changes)
  }
  return entry
}

/** Books what came of applying `entry`, and names the waiting record whose turn has come, if there is one. */
export function settle<State, Event>(
  keyState: KeyState<State, Event>,
  entry: Entry<Event>,
  tried: Tried<State>,
  changes: Changes<State, Event>,
): Entry<Event> | undefined {
  const { decoded } = entry
  if ('fault' in tried || !decoded) {
    const fault = 'fault' in tried ? tried.fault : { cause: 'undecodable', detail: 'it was not decoded' }
    return put(keyState, entry, { ...fault, state: 'head', attempts: (entry.parking?.attempts ?? 0) + 1 }, changes)
  }
  keyState.version = decoded.version
  keyState.eventId = decoded.eventId
  keyState.state = tried.state
  const { key, version } = keyState
  changes.applied.push({ key, version, event: decoded.event, state: tried.state, record: entry.record })
  if (tried.effects) changes.effects.push(...tried.effects)
  if (entry.parking) {
    changes.healed++
    changes.moved.add(entry)
    entry.parking = undefined
  }
  if (keyState.version >= keyState.horizon) {
    keyState.due ??= 0
    keyState.blocked = true
    return undefined
  }
  return keyState.waiting.size > 0 ? successor(keyState, changes) : undefined
}

function successor<State, Event>(
  keyState: KeyState<State, Event>,
  changes: Changes<State, Event>,
): Entry<Event> | undefined {
  for (const late of keyState.waiting.get(keyState.version) ?? []) {
    put(keyState, late, { state: 'conflict', cause: 'conflict', detail: twin(keyState), attempts: 0 }, changes)
  }
  keyState.waiting.delete(keyState.version)
  const next = keyState.waiting.get(keyState.version + 1)
  const first = next?.shift()
  if (next?.length === 0) keyState.waiting.delete(keyState.version + 1)
  return first
}

/** Two first events: the producer does not know the first any more (its data was deleted). */
const twin = ({ version, eventId }: { readonly version: number; readonly eventId: string | null }): string =>
  `version ${version} is already applied, by event ${eventId}${version === 1 ? ': the key was used a second time' : ''}`

function put<State, Event>(
  keyState: KeyState<State, Event>,
  entry: Entry<Event>,
  parking: Parking,
  changes: Changes<State, Event>,
): undefined {
  entry.parking = parking
  changes.moved.add(entry)
  remember(keyState, entry)
}

/** What is parked of the key already, without its bytes: all that an arriving event asks of it. */
export function know<State, Event>(
  keyState: KeyState<State, Event>,
  { state, version, eventId }: { state: Parking['state']; version: number | null; eventId: string | null },
): void {
  if (state === 'head') keyState.blocked = true
  if (version !== null && eventId !== null) keyState.parkedEvents.add(eventKey(version, eventId))
}

/** A parked record of the key: when it is parked, and when its turn may come. */
export function remember<State, Event>(keyState: KeyState<State, Event>, entry: Entry<Event>): void {
  const { version, eventId, parking } = entry
  if (parking?.state === 'head') keyState.blocked = true
  if (version === null || eventId === null) return
  if (parking?.state === 'conflict') keyState.parkedEvents.delete(eventKey(version, eventId))
  else keyState.parkedEvents.add(eventKey(version, eventId))
  if (parking?.state !== 'waiting') return
  const sameVersion = keyState.waiting.get(version)
  if (sameVersion) sameVersion.push(entry)
  else keyState.waiting.set(version, [entry])
}
