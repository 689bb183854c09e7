// What a consumer tells its operator and lets them do.
import { type Static, Type } from 'typebox'
import type { AuditEntry, List, Refused } from '../outbox/ops.ts'

const time = Type.String({ format: 'date-time' })
const text = (description: string) => Type.String({ description })
const orNull = (type: 'string' | 'integer', description?: string) =>
  Type.Unsafe<string | null>({ type: [type, 'null'], ...(description && { description }) })
const integerOrNull = Type.Unsafe<number | null>({ type: ['integer', 'null'] })

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
  version: integerOrNull,
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
  eventId: orNull('string', 'Of the event that made appliedVersion; null where that was skipped by hand'),
  appliedAt: orNull('string'),
  held: Type.Boolean(),
})

export type PartitionPosition = Static<typeof PartitionPosition>
export const PartitionPosition = Type.Object({
  partition: Type.Integer(),
  next: Type.Integer(),
  end: integerOrNull,
  lag: integerOrNull,
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
        version: integerOrNull,
        becomes: text('applied, duplicate (dropped), or its state in the list of what is parked'),
        cause: orNull('string'),
        detail: orNull('string'),
      }),
      { description: 'Of a dry run: what each event would do' },
    ),
  ),
})

export type RedrivenAll = Static<typeof RedrivenAll>
export const RedrivenAll = Type.Object({
  items: Type.Array(
    Type.Object({ ...Redriven.properties, error: Type.Optional(text('Why nothing of it was tried; try again')) }),
  ),
  next: Type.Null(),
  totals: Type.Object({
    keys: Type.Integer(),
    applied: Type.Integer(),
    remaining: Type.Integer(),
    failed: Type.Integer({ description: 'Keys with an error' }),
  }),
})

const Standing = Type.Object({
  appliedVersion: Type.Integer(),
  parked: Type.Integer(),
  event: Type.Unsafe<ParkedEvent | null>({ ...ParkedEvent, type: ['object', 'null'] }),
})
export type Standing = Static<typeof Standing>

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

export interface Ops {
  /** By key; with a cause, those that it holds up. */
  parkedKeys(query?: { cause?: string; limit?: number; after?: string }): Promise<List<ParkedKey>>
  /** Undefined when nothing of it is parked. */
  parkedOf(key: string): Promise<ParkedDetail | undefined>
  redrive(key: string, redrive: Redrive): Promise<Redriven | Refused>
  /** Every key of which something is parked for this cause. One that fails does not stop the others. */
  redriveAll(cause: string, redrive: Redrive): Promise<RedrivenAll>
  discard(key: string, discard: Discard): Promise<Redriven | Refused>
  /** The newest first. */
  audit(query: { limit: number; after?: number }): Promise<List<AuditEntry>>
  /** By partition. */
  positions(): Promise<PartitionPosition[]>
  /** Goes on behind records that are gone from the log. */
  acceptLoss(partition: number, operator: string): Promise<Loss | Refused>
  /** Undefined when no record of it ever came. */
  stateOf(key: string): Promise<StateOfKey | undefined>
}
