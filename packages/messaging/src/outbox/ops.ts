// What every service tells its operator, of outbox rows that Kafka refuses for good and of what operators did, and lets them do.
import { type Static, type TProperties, Type } from 'typebox'

export const time = Type.String({ format: 'date-time' })
export const text = (description: string) => Type.String({ description })
const orNull =
  <Value>(type: string) =>
  (description?: string) =>
    Type.Unsafe<Value | null>({ type: [type, 'null'], ...(description && { description }) })
export const textOrNull = orNull<string>('string')
export const integerOrNull = orNull<number>('integer')

/** What became of what one cause holds up; `totals` beside how many failed. */
export const allOf = <Item extends TProperties, Totals extends TProperties>(
  title: string,
  item: Item,
  totals: Totals,
) =>
  Type.Object(
    {
      items: Type.Array(
        Type.Object({ ...item, error: Type.Optional(text('Why nothing was done with it; try again')) }),
      ),
      next: textOrNull('What to pass as after, where it is taken: there are more'),
      totals: Type.Object({ ...totals, failed: Type.Integer({ description: 'Those with an error' }) }),
    },
    { title },
  )

/** `next` is what to pass as `after`, or null. */
export type List<Item> = { items: Item[]; next: string | null }

/** Of rows that were asked for up to one more than the page holds. */
export const listOf = <Item>(rows: Item[], limit: number, cursorOf: (last: Item) => string): List<Item> =>
  rows.length > limit ? { items: rows.slice(0, limit), next: cursorOf(rows[limit - 1]!) } : { items: rows, next: null }

/** The problem that answers a request which cannot be done as things stand. */
export interface Refused {
  refused:
    | 'job-running'
    | 'kafka-away'
    | 'not-set-aside'
    | 'not-the-head'
    | 'nothing-lost'
    | 'nothing-parked'
    | 'nothing-set-aside'
    | 'paused'
    | 'record-gone'
    | 'registry-away'
    | 'too-many-keys'
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
    pause: Type.Unsafe<object | null>({
      type: ['object', 'null'],
      additionalProperties: true,
      description: 'An item of /ops/pauses',
    }),
    own: Type.Unsafe<object | null>({
      type: ['object', 'null'],
      additionalProperties: true,
      description: 'Of an act of the service itself: {"onHand"} of an item of the inventory service',
    }),
    job: Type.Object({
      state: Type.String(),
      total: Type.Integer(),
      tried: Type.Integer(),
      failed: Type.Integer(),
    }),
  }),
)

export type AuditEntry = Static<typeof AuditEntry>
export const AuditEntry = Type.Object(
  {
    id: Type.Integer(),
    at: time,
    operator: text('The caller; without authentication the header x-operator, else the remote address'),
    action: text(
      'redrive, discard, accept-loss, pause, resume, job-cancel, job-continue, set-aside-redrive, set-aside-discard, release, set-stock, or skipped-arrived: a version that was skipped came after all',
    ),
    key: text(
      '@topic:partition where a loss was accepted; @inbox, @effects or @effects:kind where that was paused; @job:id of a job; @item:id of an item',
    ),
    event: textOrNull('Of a discard, or what came after all'),
    reason: textOrNull('Of a discard, a release or a pause'),
    before: Audited,
    after: Audited,
  },
  { title: 'AuditEntry' },
)

export type SetAside = Static<typeof SetAside>
export const SetAside = Type.Object(
  {
    key: text("The record's key; @ and the event id where the key is no text"),
    event: text('The event id'),
    topic: Type.String(),
    version: integerOrNull('Of the key; null: not known'),
    cause: Type.String(),
    detail: text('What Kafka answered'),
    since: time,
    behind: Type.Integer({ description: 'Later events of the key, which wait for it' }),
  },
  { title: 'SetAside' },
)

/** An event that Kafka has not acknowledged yet. */
export type OutboxEvent = Static<typeof OutboxEvent>
export const OutboxEvent = Type.Object(
  {
    event: SetAside.properties.event,
    topic: Type.String(),
    version: SetAside.properties.version,
    since: Type.String({
      format: 'date-time',
      description: 'When it was stored; of one that is set aside, when it was',
    }),
    setAside: Type.Boolean({ description: 'Kafka refuses it for good' }),
    cause: textOrNull('Why it is set aside'),
  },
  { title: 'OutboxEvent' },
)

export type OutboxOfKey = Static<typeof OutboxOfKey>
export const OutboxOfKey = Type.Object(
  { key: Type.String(), events: Type.Array(OutboxEvent, { description: 'The oldest first, the first 1,000' }) },
  { title: 'OutboxOfKey' },
)

export type SetAsideOfKey = Static<typeof SetAsideOfKey>
export const SetAsideOfKey = Type.Object(
  { key: Type.String(), events: Type.Array(SetAside) },
  { title: 'SetAsideOfKey' },
)

export type SetAsideRedriven = Static<typeof SetAsideRedriven>
export const SetAsideRedriven = allOf(
  'SetAsideRedriven',
  { key: Type.String(), event: Type.String(), behind: Type.Integer() },
  {
    events: Type.Integer(),
    redriven: Type.Integer({ description: 'To be published again; in a dry run: would be' }),
  },
)

export type SetAsideDiscarded = Static<typeof SetAsideDiscarded>
export const SetAsideDiscarded = Type.Object(
  {
    key: Type.String(),
    event: Type.String(),
    version: SetAside.properties.version,
    behind: Type.Integer({ description: 'Later events of the key, which are published now' }),
    consequence: text('What is missing now, and what to do about it'),
  },
  { title: 'SetAsideDiscarded' },
)
