import type { SourceRecord } from './record.ts'

/** Why a record is not applied: a short stable slug for lists and alarms, and what a person reads. */
export interface Fault {
  readonly cause: string
  readonly detail: string
}

const longestDetail = 1_000

/** Bounds the detail, which garbage may have written, to what text columns and headers hold: no NUL, no half character. */
export const faultOf = (cause: string, detail: unknown): Fault => ({
  cause,
  detail: (detail instanceof Error ? detail.message : String(detail))
    .replaceAll('\0', '\uFFFD')
    .slice(0, longestDetail)
    .toWellFormed(),
})

export interface DecodedEvent<Event> {
  readonly eventId: string
  readonly version: number
  readonly event: Event
}

/** Where a record is kept that is not applied: it blocks its order, stands behind such a one, waits for a gap, or was overtaken. */
export interface Place extends Fault {
  readonly state: 'head' | 'behind' | 'waiting' | 'conflict'
  /** Times it was tried. */
  readonly attempts: number
}

/** How a record is named to the outside: `topicId/partition/offset`. */
export const placeName = (topicId: string, { partition, offset }: { partition: number; offset: bigint }): string =>
  `${topicId}/${partition}/${offset}`

/** The same read back; undefined: it is no such name. */
export function placeOf(name: string): { topicId: string; partition: number; offset: bigint } | undefined {
  const [, topicId, partition, offset] =
    /^([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})\/(\d{1,9})\/(\d{1,18})$/.exec(name) ?? []
  return topicId ? { topicId, partition: Number(partition), offset: BigInt(offset ?? 0) } : undefined
}

/** A record on its way through the inbox: as it arrives, or taken up again from the parked table. */
export interface Entry<Event> {
  /** `@topic:partition:offset` where `orderless`. */
  readonly orderId: string
  /** It has no usable key, or key and body disagree: it belongs to no order and blocks none. */
  readonly orderless: boolean
  readonly topicId: string
  readonly partition: number
  readonly offset: bigint
  readonly version: number | null
  readonly eventId: string | null
  /** Undefined while the bytes lie in the parked table alone. */
  readonly record: SourceRecord | undefined
  /** Either this or `fault`, once the bytes were read. */
  readonly decoded: DecodedEvent<Event> | undefined
  readonly fault: Fault | undefined
  /** Its place before this batch. */
  readonly before: Place | undefined
  /** Its place after this batch; undefined: none, it is applied or a duplicate. */
  place: Place | undefined
}

/** What the order's row holds: the version guard, and whether anything is parked that holds the order up. */
export interface OrderRow {
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

export const newRow: OrderRow = { version: 0, eventId: null, held: false, due: null, skipped: [] }

/** One order, as its row, its parked records and the events of this batch so far make it. */
export interface Order<State, Event> {
  readonly orderId: string
  version: number
  eventId: string | null
  state: State | undefined
  /** A poison record stands at the head, or the order is due: nothing of the order passes what is parked. */
  blocked: boolean
  /** As in its row. */
  due: number | null
  readonly skipped: readonly Skipped[]
  /** Events whose turn has not come, by version, each in order of arrival. */
  readonly waiting: Map<number, Entry<Event>[]>
  /** `waiting` holds what waits up to this version, Infinity: all. There may be more, which one transaction does not take. */
  horizon: number
  /** `version/eventId` of what is parked. */
  readonly parkedEvents: Set<string>
}

export const newOrder = <State, Event>(orderId: string, row: OrderRow = newRow): Order<State, Event> => ({
  orderId,
  version: row.version,
  eventId: row.eventId,
  state: undefined,
  blocked: row.due !== null,
  due: row.due,
  skipped: row.skipped,
  waiting: new Map(),
  horizon: Infinity,
  parkedEvents: new Set(),
})

export const isHeld = <State, Event>({ blocked, due, waiting, horizon }: Order<State, Event>): boolean =>
  blocked || due !== null || waiting.size > 0 || horizon < Infinity

export const rowOf = <State, Event>(order: Order<State, Event>): OrderRow => {
  const { version, eventId, due, skipped } = order
  return { version, eventId, held: isHeld(order), due, skipped }
}
