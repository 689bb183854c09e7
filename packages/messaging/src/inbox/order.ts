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
}

/** One order, as its row, its parked records and the events of this batch so far make it. */
export interface Order<State, Event> {
  readonly orderId: string
  version: number
  eventId: string | null
  state: State | undefined
  /** A poison record stands at the head: nothing of the order passes it. */
  blocked: boolean
  /** Events whose turn has not come, by version, each in order of arrival. */
  readonly waiting: Map<number, Entry<Event>[]>
  /** `version/eventId` of what is parked. */
  readonly parkedEvents: Set<string>
}

export const newOrder = <State, Event>(
  orderId: string,
  version = 0,
  eventId: string | null = null,
): Order<State, Event> => ({
  orderId,
  version,
  eventId,
  state: undefined,
  blocked: false,
  waiting: new Map(),
  parkedEvents: new Set(),
})

export const isHeld = <State, Event>(order: Order<State, Event>): boolean => order.blocked || order.waiting.size > 0
