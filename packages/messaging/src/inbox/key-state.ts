import type { DecodedRecord, Fault } from '../kafka/event.ts'

/** How a record is kept that is not applied: it blocks its key, stands behind such a one, waits for a gap, or was overtaken. */
export interface Parking extends Fault {
  readonly state: 'head' | 'behind' | 'waiting' | 'conflict'
  /** Times it was tried. */
  readonly attempts: number
}

/** Of a head that nothing is wrong with: its key is paused (rule 25). */
export const pausedCause = 'paused'

/** A record that somebody has to look at: it could not be applied. */
export const isFailed = (parking: Parking | undefined): boolean =>
  (parking?.state === 'head' && parking.cause !== pausedCause) || parking?.state === 'conflict'

/** A record on its way through the inbox: as it arrives, or taken up again from the parked table. */
export interface Entry<Event> extends DecodedRecord<Event> {
  /** How it was parked before this batch; undefined: not at all. */
  readonly before: Parking | undefined
  /** How it is parked after this batch; undefined: not at all, it is applied or a duplicate. */
  parking: Parking | undefined
}

export const entryOf = <Event>(record: DecodedRecord<Event>, before?: Parking): Entry<Event> => ({
  ...record,
  before,
  parking: before,
})

/** What the key's row holds: the version guard, and whether anything is parked that holds the key up. */
export interface KeyRow {
  readonly version: number
  /** Of the event that made `version`; null: none yet, or a version skipped by hand. */
  readonly eventId: string | null
  readonly held: boolean
  /** More of what is parked has to be looked at than one transaction took: the audit entry that this answers, 0 for none. */
  readonly due: number | null
  readonly skipped: readonly Skipped[]
}

/** Versions that never came, and that an operator gave up. */
export interface Skipped {
  readonly from: number
  readonly to: number
}

export const newRow: KeyRow = { version: 0, eventId: null, held: false, due: null, skipped: [] }

/** One key, as its row, its parked records and the events of this batch so far make it. */
export interface KeyState<State, Event> {
  readonly key: string
  /** What is stored. */
  row: KeyRow
  version: number
  eventId: string | null
  state: State | undefined
  /** A poison record stands at the head, or the key is due: nothing of the key passes what is parked. */
  blocked: boolean
  /** As in its row. */
  due: number | null
  /** What would be applied of it is parked instead (rule 25). */
  paused: boolean
  readonly skipped: readonly Skipped[]
  /** Events whose turn has not come, by version, each in order of arrival. */
  readonly waiting: Map<number, Entry<Event>[]>
  /** `waiting` holds what waits up to this version, Infinity: all. There may be more, which one transaction does not take. */
  horizon: number
  /** `version/eventId` of what is parked. */
  readonly parkedEvents: Set<string>
}

/** What the row holds of a key that is known; of another it was `inserted`. */
export const newKeyState = <State, Event>(
  key: string,
  known?: KeyRow,
  inserted: KeyRow = newRow,
): KeyState<State, Event> => {
  const { version, eventId, due, skipped } = known ?? newRow
  return {
    key,
    row: known ?? inserted,
    version,
    eventId,
    state: undefined,
    blocked: due !== null,
    due,
    paused: false,
    skipped,
    waiting: new Map(),
    horizon: Infinity,
    parkedEvents: new Set(),
  }
}

export const isHeld = <State, Event>({ blocked, due, waiting, horizon }: KeyState<State, Event>): boolean =>
  blocked || due !== null || waiting.size > 0 || horizon < Infinity

export const rowOf = <State, Event>(keyState: KeyState<State, Event>): KeyRow => {
  const { version, eventId, due, skipped } = keyState
  return { version, eventId, held: isHeld(keyState), due, skipped }
}
