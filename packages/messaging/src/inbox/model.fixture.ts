// What the inbox must hold after any history, said once more and as simply as possible: one record at a time, by looking
// through all that is parked of its key. It shares no code with the inbox but `apply`. All of it is plain data, so that
// a copy (structuredClone) tells what an action would lead to.

export interface ModelEvent {
  id: string
  key: string
  version: number
  /** `apply` throws. */
  refused?: boolean
  /** The database refuses the state that it leads to. */
  unsavable?: boolean
  /** The repair after which it is neither. */
  repair?: number
}

export interface ModelRecord {
  /** Distinct for each record; its offset. */
  place: string
  /** Null: no usable key. */
  key: string | null
  /** Undefined: cannot be decoded. */
  event?: ModelEvent
  /** What stands in the place of an event. */
  junk?: Junk
  /** The repair after which the registry knows its schema. */
  schema?: number
}

export const junks = ['text', 'tombstone', 'empty', 'cut', 'no version'] as const
export type Junk = (typeof junks)[number]

/** The handler of the tests: a key's state is the list of its events. */
export const apply = (state: string[] | undefined, event: ModelEvent): string[] => {
  if (event.refused) throw new Error(`${event.id} is refused`)
  return [...(state ?? []), event.id]
}

type Standing = 'head' | 'behind' | 'waiting' | 'conflict'

export interface Parked {
  record: ModelRecord
  /** As it was read last; undefined: it could not be. */
  event: ModelEvent | undefined
  state: Standing | 'new'
  /** Where it stood before what is happening now. */
  stood: Standing | undefined
  cause: string
  /** How often it failed at the head. */
  tries: number
}

export interface ModelKeyState {
  version: number
  /** Null: no event yet, or the version was skipped. */
  eventId: string | null
  state: string[]
  /** In order of arrival. */
  parked: Parked[]
}

export interface ModelInbox {
  position: number
  repairs: number[]
  keyStates: Record<string, ModelKeyState>
  /** What belongs to no key, by the name it is kept under. */
  nowhere: Record<string, Parked>
  /** In the order in which they were applied. */
  applied: ModelRecord[]
  /** Places of records that were copied to the topic of parked records. */
  copies: string[]
  /** What a discard was answered, by key and place. */
  answers: Record<string, Answer>
  /** Places of records that were discarded. */
  discarded: string[]
}

export type Answer =
  | { applied: number; remaining: number; stoppedAt: string | undefined; skipped?: number[] }
  | { refused: string }

export const emptyInbox = (): ModelInbox => ({
  position: 0,
  repairs: [],
  keyStates: {},
  nowhere: {},
  applied: [],
  copies: [],
  answers: {},
  discarded: [],
})

export const topicName = 'events'
export const nowhereName = (place: string): string => `@${topicName}:0:${place}`

/** All that is parked under this name. */
export const parkedUnder = ({ keyStates, nowhere }: ModelInbox, name: string): Parked[] => [
  ...(keyStates[name]?.parked ?? []),
  ...(nowhere[name] ? [nowhere[name]] : []),
]

export const isHeld = ({ parked }: ModelKeyState): boolean => parked.some(({ state }) => state !== 'conflict')

/** Rule 13. False: there is a hole before the batch. */
export function deliver(inbox: ModelInbox, from: number, next: number, records: readonly ModelRecord[]): boolean {
  if (from > inbox.position) return false
  for (const record of records) if (Number(record.place) >= inbox.position) arrive(inbox, record)
  inbox.position = Math.max(inbox.position, next)
  return true
}

/** Rules 15, 16 and 18. */
export function arrive(inbox: ModelInbox, record: ModelRecord): void {
  if (inbox.discarded.includes(record.place)) return
  const { event, cause, stray } = readingOf(inbox, record)
  if (record.key === null || stray) {
    strand(inbox, record, cause)
    return
  }
  inbox.keyStates[record.key] ??= { version: 0, eventId: null, state: [], parked: [] }
  const keyState = inbox.keyStates[record.key]!
  if (event && (isPast(keyState, event) || keyState.parked.some((p) => p.state !== 'conflict' && isSame(p, event))))
    return
  if (keyState.parked.some((p) => p.record.place === record.place)) return
  const one: Parked = { record, event, state: 'new', stood: undefined, cause, tries: 0 }
  const blocked = keyState.parked.some(({ state }) => state === 'head')
  keyState.parked.push(one)
  if (event?.version === keyState.version) put(inbox, one, 'conflict')
  else if (blocked) put(inbox, one, 'behind')
  else {
    advance(inbox, keyState)
    if (one.state === 'new') put(inbox, one, 'waiting')
  }
}

/** Rule 18. */
export function redrive(inbox: ModelInbox, name: string): Answer {
  if (parkedUnder(inbox, name).length === 0) return { refused: 'nothing-parked' }
  const appliedBefore = inbox.applied.length
  const keyState = inbox.keyStates[name]
  if (keyState) redriveKey(inbox, keyState)
  const left = parkedUnder(inbox, name)
  const own = keyState?.parked ?? []
  const waiting = own.filter(({ state }) => state === 'waiting').sort((a, b) => versionOf(a) - versionOf(b))
  const stopped = own.find(({ state }) => state === 'head') ?? waiting[0] ?? inbox.nowhere[name]
  return { applied: inbox.applied.length - appliedBefore, remaining: left.length, stoppedAt: stopped?.record.place }
}

/** All that a redrive of this cause takes: keys that something holds up for it. */
export function heldBy(inbox: ModelInbox, cause: string): string[] {
  const names = new Set([...Object.keys(inbox.keyStates), ...Object.keys(inbox.nowhere)])
  return [...names].filter((name) => parkedUnder(inbox, name).some((p) => p.cause === cause && p.state !== 'behind'))
}

/** What it names besides its event: skipVersion, dropWaiting. */
export type DiscardOf = '' | 'skip' | 'drop'

/** Rule 18. */
export function discard(inbox: ModelInbox, name: string, place: string, how: DiscardOf): Answer {
  const skipVersion = how === 'skip'
  const keyState = inbox.keyStates[name]
  const parked = parkedUnder(inbox, name)
  const target = parked.find(({ record }) => record.place === place)
  const earlier = inbox.answers[`${name} ${place}`]
  if (earlier && (!target || ('skipped' in earlier && earlier.skipped))) return earlier
  if (parked.length === 0) return { refused: 'nothing-parked' }
  const skipped = keyState && target?.state === 'waiting' && skipVersion ? skipGap(keyState, target) : undefined
  if (skipped) {
    const answer = { ...redrive(inbox, name), skipped }
    inbox.answers[`${name} ${place}`] = answer
    return answer
  }
  if (!target || target.state === 'behind' || (target.state === 'waiting' && how !== 'drop'))
    return { refused: 'not-the-head' }
  if (keyState && target.state === 'head' && keyState.parked.includes(target)) {
    const version = readingOf(inbox, target.record).event?.version
    const next = keyState.version + 1
    if (version === next && !skipVersion) return { refused: 'version-not-skipped' }
    // What cannot be read may have been the next version, unless that is among the others.
    const others = keyState.parked.filter((p) => p !== target && p.state !== 'conflict')
    const isThere = others.some(({ record }) => readingOf(inbox, record).event?.version === next)
    if (skipVersion && (version === next || (version === undefined && !isThere))) {
      keyState.version = next
      keyState.eventId = null
    }
  }
  if (keyState) keyState.parked = keyState.parked.filter((p) => p !== target)
  if (inbox.nowhere[name] === target) delete inbox.nowhere[name]
  inbox.discarded.push(place)
  const left = redrive(inbox, name)
  const answer = 'refused' in left ? { applied: 0, remaining: 0, stoppedAt: undefined } : left
  inbox.answers[`${name} ${place}`] = answer
  return answer
}

/** The versions that the first event that waits lacks, which the key goes on without. */
function skipGap(keyState: ModelKeyState, target: Parked): number[] | undefined {
  const waiting = keyState.parked.filter(({ state }) => state === 'waiting').sort((a, b) => versionOf(a) - versionOf(b))
  if (keyState.parked.some(({ state }) => state === 'head') || waiting[0] !== target) return undefined
  const skipped: number[] = []
  for (let version = keyState.version + 1; version < versionOf(target); version++) skipped.push(version)
  keyState.version = versionOf(target) - 1
  keyState.eventId = null
  return skipped
}

function redriveKey(inbox: ModelInbox, keyState: ModelKeyState): void {
  const own = keyState.parked.filter(({ state }) => state !== 'conflict')
  const leave = (one: Parked) => {
    keyState.parked = keyState.parked.filter((p) => p !== one)
  }
  // 1. Everything is read anew. What turns out to be of another key leaves.
  for (const one of own) {
    const { event, cause, stray } = readingOf(inbox, one.record)
    Object.assign(one, { event, cause, state: 'new' })
    if (!stray) continue
    leave(one)
    strand(inbox, one.record, cause)
  }
  // An event that came twice, the first time as something that could not be read, stays once.
  for (const [n, one] of own.entries()) {
    const { event } = one
    if (event && own.slice(0, n).some((p) => keyState.parked.includes(p) && isSame(p, event))) leave(one)
  }
  // 2. As far as it goes.
  advance(inbox, keyState)
  // 3. The others wait: for a version if it is in their reach, else behind the head.
  const head = keyState.parked.find(({ state }) => state === 'head')
  const standing = head?.event ? [head] : []
  let passedHead = head?.event !== undefined
  for (const one of [...keyState.parked]) {
    if (one === head) passedHead = true
    if (one.state !== 'new') continue
    const { event } = one
    if (event && (isPast(keyState, event) || standing.some((p) => isSame(p, event)))) leave(one)
    else if (event?.version === keyState.version) put(inbox, one, 'conflict')
    else {
      put(inbox, one, passedHead ? 'behind' : 'waiting')
      standing.push(one)
    }
  }
}

/** Applies whose turn it is, until there is none or one fails, which then is the head. */
function advance(inbox: ModelInbox, keyState: ModelKeyState): void {
  for (;;) {
    const open = keyState.parked.filter(({ state }) => state === 'new' || state === 'waiting')
    const wall = open.findIndex(({ event }) => !event)
    const reach = wall < 0 ? open : open.slice(0, wall)
    const past = reach.filter(({ event }) => event && isPast(keyState, event))
    keyState.parked = keyState.parked.filter((p) => !past.includes(p))
    for (const p of reach) if (!past.includes(p) && versionOf(p) === keyState.version) put(inbox, p, 'conflict')
    const turn = reach.find((p) => versionOf(p) === keyState.version + 1) ?? open[wall]
    if (!turn) return
    const next = attempt(inbox, keyState, turn)
    if (typeof next === 'string') {
      turn.tries++
      put(inbox, turn, 'head', next)
      return
    }
    Object.assign(keyState, { state: next, version: versionOf(turn), eventId: turn.event?.id })
    inbox.applied.push(turn.record)
  }
}

/** The state that it leads to, or the cause why there is none. */
function attempt(inbox: ModelInbox, keyState: ModelKeyState, { event, cause }: Parked): string[] | string {
  if (!event) return cause
  const now = repaired(inbox.repairs, event)
  if (now.unsavable) return 'constraint'
  try {
    return apply(keyState.state, now)
  } catch {
    return 'apply-failed'
  }
}

export function repaired(repairs: readonly number[], event: ModelEvent): ModelEvent {
  const { refused, unsavable, ...fine } = event
  return event.repair !== undefined && repairs.includes(event.repair) ? fine : event
}

function readingOf(inbox: ModelInbox, { key, event, junk, schema }: ModelRecord) {
  const unread = (cause: string, stray = false) => ({ event: undefined, cause, stray })
  if (key === null) return unread('no-key')
  if (junk === 'tombstone') return unread('tombstone')
  if (schema !== undefined && !inbox.repairs.includes(schema)) return unread('unknown-schema')
  if (!event) return unread('undecodable')
  if (event.key !== key) return unread('key-mismatch', true)
  return { event, cause: '', stray: false }
}

/** It is applied, or its version is. */
const isPast = (keyState: ModelKeyState, { version, id }: ModelEvent): boolean =>
  version < keyState.version || (version === keyState.version && (keyState.eventId === null || keyState.eventId === id))
const isSame = ({ event }: Parked, other: ModelEvent) => event?.id === other.id && event.version === other.version
const versionOf = ({ event }: Parked): number => event?.version ?? 0

function strand(inbox: ModelInbox, record: ModelRecord, cause: string): void {
  const name = nowhereName(record.place)
  if (inbox.nowhere[name]) return
  const one: Parked = { record, event: undefined, state: 'new', stood: undefined, cause, tries: 1 }
  inbox.nowhere[name] = one
  put(inbox, one, 'head', cause)
}

/** Rules 15 and 16: what holds up its key, or conflicts with it, is copied when it begins to. */
function put(inbox: ModelInbox, one: Parked, state: Standing, cause?: string): void {
  const causes = { head: one.cause, behind: one.event ? 'behind' : one.cause, waiting: 'gap', conflict: 'conflict' }
  const isCopied = (state === 'head' || state === 'conflict') && one.stood !== state
  if (isCopied) inbox.copies.push(one.record.place)
  Object.assign(one, { state, stood: state, cause: cause ?? causes[state] })
}

export interface ModelKey {
  version: number
  eventId: string | null
  state: string[]
  /** place -> state */
  parked: Record<string, string>
}

/** Where these records lead, one after the other. */
export function modelOf(records: readonly ModelRecord[]): { keyStates: Record<string, ModelKey>; keyless: string[] } {
  const inbox = emptyInbox()
  for (const record of records) arrive(inbox, record)
  const keyStates = Object.entries(inbox.keyStates).map(([id, keyState]): [string, ModelKey] => [
    id,
    { ...keyState, parked: Object.fromEntries(keyState.parked.map(({ record, state }) => [record.place, state])) },
  ])
  return {
    keyStates: Object.fromEntries(keyStates),
    keyless: Object.values(inbox.nowhere).map(({ record }) => record.place),
  }
}
