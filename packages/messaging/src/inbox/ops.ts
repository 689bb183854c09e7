// What a consumer tells its operator and lets them do.
import { type Static, Type } from 'typebox'
import { allOf, integerOrNull, text, textOrNull, time } from '../outbox/ops.ts'

export type ParkedKey = Static<typeof ParkedKey>
export const ParkedKey = Type.Object(
  {
    key: Type.String(),
    cause: Type.String(),
    count: Type.Integer(),
    since: time,
    event: Type.String(),
  },
  { title: 'ParkedKey' },
)

export type ParkedEvent = Static<typeof ParkedEvent>
export const ParkedEvent = Type.Object(
  {
    event: text('topicId/partition/offset'),
    state: text('head, behind, waiting (a gap) or conflict'),
    cause: Type.String(),
    detail: Type.String(),
    version: integerOrNull(),
    parkedAt: time,
    attempts: Type.Integer(),
  },
  { title: 'ParkedEvent' },
)

export type ParkedGroup = Static<typeof ParkedGroup>
export const ParkedGroup = Type.Object(
  {
    service: Type.String(),
    cause: Type.String(),
    detail: text('Its first 200 characters'),
    count: Type.Integer({ description: 'Keys; of the first 100,000 events' }),
    oldest: time,
  },
  { title: 'ParkedGroup' },
)

/** A parked event as it came: absent where it is behind the first 1 MiB of what is parked of the key. */
export type ParkedRecordShown = Static<typeof ParkedRecordShown>
export const ParkedRecordShown = Type.Partial(
  Type.Object({
    timestamp: text("Kafka's"),
    headers: Type.Array(
      Type.Object({
        name: Type.String(),
        value: textOrNull(),
        encoding: Type.Optional(text('base64 where the value is no UTF-8')),
      }),
    ),
    keyBytes: textOrNull('In base64; for operators alone'),
    bytes: textOrNull('The value in base64; null: there is none, or it stays in Kafka alone. For operators alone'),
    decoded: Type.Unsafe<object | null>({
      type: ['object', 'null'],
      additionalProperties: true,
      description: 'The event; null where it cannot be read',
    }),
  }),
)

export type ParkedDetail = Static<typeof ParkedDetail>
export const ParkedDetail = Type.Object(
  {
    key: Type.String(),
    appliedVersion: Type.Integer(),
    events: Type.Array(
      Type.Object({ ...ParkedEvent.properties, ...ParkedRecordShown.properties }, { title: 'ParkedRecord' }),
    ),
  },
  { title: 'ParkedOfKey' },
)

export type StateOfKey = Static<typeof StateOfKey>
export const StateOfKey = Type.Object({
  ...ParkedDetail.properties,
  events: Type.Array(ParkedEvent),
  eventId: textOrNull('Of the event that made appliedVersion; null where that was skipped by hand'),
  appliedAt: textOrNull(),
  held: Type.Boolean(),
  skipped: Type.Optional(
    Type.Array(Type.Object({ from: Type.Integer(), to: Type.Integer() }), {
      description: 'Versions that never came and were skipped by hand',
    }),
  ),
})

export type PartitionPosition = Static<typeof PartitionPosition>
export const PartitionPosition = Type.Object(
  {
    partition: Type.Integer(),
    next: Type.Integer(),
    end: integerOrNull(),
    lag: integerOrNull(),
    owner: textOrNull('The instance that reads it, as Kafka has it; null: none, or not known'),
    stalledSeconds: integerOrNull(
      'Its batch has been tried again for so long; null: it is not stalled, or another instance reads it',
    ),
  },
  { title: 'PartitionPosition' },
)

export type Redriven = Static<typeof Redriven>
export const Redriven = Type.Object(
  {
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
  },
  { title: 'Redriven' },
)

/** What one event would do. */
export type Foreseen = NonNullable<Redriven['events']>[number]

export type RedrivenAll = Static<typeof RedrivenAll>
export const RedrivenAll = allOf('RedrivenAll', Redriven.properties, {
  keys: Type.Integer(),
  applied: Type.Integer(),
  remaining: Type.Integer(),
})

export type JobFailure = Static<typeof JobFailure>
export const JobFailure = Type.Object({ key: Type.String(), cause: Type.String(), detail: Type.String() })

export type Job = Static<typeof Job>
export const Job = Type.Object(
  {
    id: Type.Integer(),
    type: Type.Enum(['redrive']),
    state: Type.Enum(['running', 'stopped', 'cancelled', 'done']),
    by: text('Who asked for it'),
    filter: Type.Partial(Type.Object({ cause: Type.String(), detail: Type.String(), keys: Type.Array(Type.String()) })),
    dryRun: Type.Boolean(),
    canary: Type.Boolean(),
    ratePerSecond: Type.Optional(Type.Integer()),
    stopAfterFailures: Type.Optional(Type.Integer()),
    total: Type.Integer({
      description: 'Keys that it is about; grows for a moment where more than 10,000 events hold them up',
    }),
    tried: Type.Integer(),
    applied: Type.Integer({ description: 'Keys that nothing holds up any more (of a dry run: would)' }),
    failed: Type.Integer({ description: 'Keys that are still held up' }),
    remaining: Type.Integer({ description: 'Keys that were not tried' }),
    stoppedAt: Type.Optional(JobFailure),
    startedAt: time,
    updatedAt: time,
  },
  { title: 'Job' },
)

export interface JobRequest {
  operator: string
  /** Keys for which all of this holds; the detail as a group shows it, or all of it. */
  filter: Job['filter']
  dryRun?: boolean
  /** 1 key, then 10, 100, ...: each step only if no key of those before has failed. */
  canary?: boolean
  ratePerSecond?: number
  stopAfterFailures?: number
}

export interface Standing {
  appliedVersion: number
  parked: number
  event: ParkedEvent | null
}

/** Records of a partition that are gone, and that the service goes on without. */
export type Loss = Static<typeof Loss>
export const Loss = Type.Object(
  {
    partition: Type.Integer(),
    from: Type.Integer({ description: 'The first offset that is gone' }),
    to: Type.Integer({ description: 'The first that is there: where reading goes on' }),
  },
  { title: 'Loss' },
)

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
  /** Also an event that waits for a version before it. The order goes on waiting for its own, if there is one. */
  dropWaiting?: boolean
}
