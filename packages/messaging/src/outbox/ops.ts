// What every service tells its operator, of outbox rows that Kafka refuses for good and of what operators did, and lets them do.
import { type Static, Type } from 'typebox'

const text = (description: string) => Type.String({ description })
const textOrNull = (description: string) => Type.Unsafe<string | null>({ type: ['string', 'null'], description })

/** `next` is what to pass as `after`, or null. */
export type List<Item> = { items: Item[]; next: string | null }

/** The problem that answers a request which cannot be done as things stand. */
export interface Refused {
  refused:
    | 'kafka-away'
    | 'not-set-aside'
    | 'not-the-head'
    | 'nothing-lost'
    | 'nothing-parked'
    | 'nothing-set-aside'
    | 'record-gone'
    | 'registry-away'
    | 'version-not-skipped'
  detail: string
}

/** Of a key, of a partition's position, of an event that was set aside, or of a key that was held. */
const Audited = Type.Partial(
  Type.Object({
    appliedVersion: Type.Integer(),
    parked: Type.Integer(),
    event: Type.Unsafe<Record<string, unknown> | null>({
      type: ['object', 'null'],
      additionalProperties: true,
      description: 'An event of /ops/parked/{key}',
    }),
    next: Type.Integer(),
    setAside: Type.Unsafe<object | null>({
      type: ['object', 'null'],
      additionalProperties: true,
      description: 'An item of /ops/set-aside',
    }),
    version: Type.Integer({ description: 'Of a key that was held' }),
    hold: Type.Unsafe<object>({
      type: 'object',
      additionalProperties: true,
      description: 'Why it was held, as in an item of /ops/held',
    }),
    consequence: text('What is missing since, and what to do about it'),
  }),
)

export type AuditEntry = Static<typeof AuditEntry>
export const AuditEntry = Type.Object({
  id: Type.Integer(),
  at: Type.String({ format: 'date-time' }),
  operator: text('The header x-operator, else the remote address'),
  action: text(
    'redrive, discard, accept-loss, set-aside-redrive, set-aside-discard, release, or skipped-arrived: a version that was skipped came after all',
  ),
  key: text('@topic:partition where a loss was accepted'),
  event: textOrNull('Of a discard, or what came after all'),
  reason: textOrNull('Of a discard or a release'),
  before: Audited,
  after: Audited,
})

export type SetAside = Static<typeof SetAside>
export const SetAside = Type.Object({
  key: text("The record's key; @ and the event id where the key is no text"),
  event: text('The event id'),
  topic: Type.String(),
  version: Type.Unsafe<number | null>({ type: ['integer', 'null'], description: 'Of the key; null: not known' }),
  cause: Type.String(),
  detail: text('What Kafka answered'),
  since: Type.String({ format: 'date-time' }),
  behind: Type.Integer({ description: 'Later events of the key, which wait for it' }),
})

export type SetAsideOfKey = Static<typeof SetAsideOfKey>
export const SetAsideOfKey = Type.Object({ key: Type.String(), events: Type.Array(SetAside) })

export type SetAsideRedriven = Static<typeof SetAsideRedriven>
export const SetAsideRedriven = Type.Object({
  items: Type.Array(
    Type.Object({
      key: Type.String(),
      event: Type.String(),
      behind: Type.Integer(),
      error: Type.Optional(text('Why nothing was done with it; try again')),
    }),
  ),
  next: Type.Null(),
  totals: Type.Object({
    events: Type.Integer(),
    redriven: Type.Integer({ description: 'To be published again; in a dry run: would be' }),
    failed: Type.Integer({ description: 'Those with an error' }),
  }),
})

export type SetAsideDiscarded = Static<typeof SetAsideDiscarded>
export const SetAsideDiscarded = Type.Object({
  key: Type.String(),
  event: Type.String(),
  version: SetAside.properties.version,
  behind: Type.Integer({ description: 'Later events of the key, which are published now' }),
  consequence: text('What is missing now, and what to do about it'),
})

export interface SetAsideOps {
  /** The oldest first; `after` is the `next` of the page before. */
  setAside(query: { cause?: string; limit: number; after?: string }): Promise<List<SetAside>>
  /** Undefined: nothing of this key is set aside. */
  setAsideOf(key: string): Promise<SetAsideOfKey | undefined>
  /** Undefined: nothing of this key is set aside. */
  redriveSetAside(key: string, redrive: { operator: string; dryRun: boolean }): Promise<SetAsideRedriven | undefined>
  redriveAllSetAside(cause: string, redrive: { operator: string; dryRun: boolean }): Promise<SetAsideRedriven>
  discardSetAside(
    key: string,
    discard: { event: string; reason: string; operator: string },
  ): Promise<SetAsideDiscarded | Refused>
  /** What was done to such rows, the newest first. */
  setAsideAudit(query: { limit: number; after?: number }): Promise<List<AuditEntry>>
}
