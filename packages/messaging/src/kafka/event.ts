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

/** How a record is named to the outside: `topicId/partition/offset`. */
export const placeName = (topicId: string, { partition, offset }: { partition: number; offset: bigint }): string =>
  `${topicId}/${partition}/${offset}`

/** The same read back; undefined: it is no such name. */
export function parsePlace(name: string): { topicId: string; partition: number; offset: bigint } | undefined {
  const [, topicId, partition, offset] =
    /^([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})\/(\d{1,9})\/(\d{1,18})$/.exec(name) ?? []
  return topicId ? { topicId, partition: Number(partition), offset: BigInt(offset ?? 0) } : undefined
}

/** A record of a topic, as far as it could be read. */
export interface DecodedRecord<Event> {
  /** `@topic:partition:offset` where `keyless`. */
  readonly key: string
  /** It has no usable key, or key and body disagree: it belongs to no key and blocks none. */
  readonly keyless: boolean
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
}
