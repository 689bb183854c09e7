// What a consumer tells its operator and lets them do.
import { type Static, Type } from 'typebox'
import { allOf, integerOrNull, text, textOrNull, time } from '../outbox/ops.ts'

export type ParkedKey = Static<typeof ParkedKey>
export const ParkedKey = Type.Object({
  key: Type.String(),
  cause: Type.String(),
  count: Type.Integer(),
  since: time,
  event: Type.String(),
})

export type ParkedEvent = Static<typeof ParkedEvent>
export const ParkedEvent = Type.Object({
  event: text('topicId/partition/offset'),
  state: text('head, behind, waiting (a gap) or conflict'),
  cause: Type.String(),
  detail: Type.String(),
  version: integerOrNull(),
  parkedAt: time,
  attempts: Type.Integer(),
})

export type ParkedDetail = Static<typeof ParkedDetail>
export const ParkedDetail = Type.Object({
  key: Type.String(),
  appliedVersion: Type.Integer(),
  events: Type.Array(ParkedEvent),
})

export type StateOfKey = Static<typeof StateOfKey>
export const StateOfKey = Type.Object({
  ...ParkedDetail.properties,
  eventId: textOrNull('Of the event that made appliedVersion; null where that was skipped by hand'),
  appliedAt: textOrNull(),
  held: Type.Boolean(),
})

export type PartitionPosition = Static<typeof PartitionPosition>
export const PartitionPosition = Type.Object({
  partition: Type.Integer(),
  next: Type.Integer(),
  end: integerOrNull(),
  lag: integerOrNull(),
})

export type Redriven = Static<typeof Redriven>
export const Redriven = Type.Object({
  key: Type.String(),
  applied: Type.Integer(),
  remaining: Type.Integer({ description: 'What is still parked of the key' }),
  stoppedAt: Type.Optional(text('The event that holds the key up')),
  skipped: Type.Optional(
    Type.Array(Type.Integer(), { description: 'Versions that never came and were skipped; the first 1,000' }),
  ),
  events: Type.Optional(
    Type.Array(
      Type.Object({
        event: Type.String(),
        version: integerOrNull(),
        becomes: text('applied, duplicate (dropped), or its state in the list of what is parked'),
        cause: textOrNull(),
        detail: textOrNull(),
      }),
      { description: 'Of a dry run: what each event would do' },
    ),
  ),
})

/** What one event would do. */
export type Foreseen = NonNullable<Redriven['events']>[number]

export type RedrivenAll = Static<typeof RedrivenAll>
export const RedrivenAll = allOf(Redriven.properties, {
  keys: Type.Integer(),
  applied: Type.Integer(),
  remaining: Type.Integer(),
})

export interface Standing {
  appliedVersion: number
  parked: number
  event: ParkedEvent | null
}

/** Records of a partition that are gone, and that the service goes on without. */
export type Loss = Static<typeof Loss>
export const Loss = Type.Object({
  partition: Type.Integer(),
  from: Type.Integer({ description: 'The first offset that is gone' }),
  to: Type.Integer({ description: 'The first that is there: where reading goes on' }),
})

export interface Redrive {
  operator: string
  /** Says what would become of each event, and changes nothing. */
  dryRun?: boolean
}

export interface Discard {
  operator: string
  /** `topicId/partition/offset` */
  event: string
  reason: string
  /** Of a head: also its version. Of the first event that waits: the versions missing before it. */
  skipVersion?: boolean
}
