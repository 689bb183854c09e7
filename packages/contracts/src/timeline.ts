// One order as all services together know it: what the console answers, and what the command line reads.
import { type Static, type TSchema, Type } from 'typebox'

const closed = <Properties extends Record<string, TSchema>>(properties: Properties, title: string) =>
  Type.Object(properties, { title, additionalProperties: false })
/** Not a union, whose parts the serializer would check with a validator of its own, which does not know our formats. */
const nullable = <Schema extends TSchema & { type: string }>(schema: Schema) =>
  Type.Unsafe<Static<Schema> | null>({ ...schema, type: [schema.type, 'null'] })
const version = Type.Integer({ minimum: 0 })
const time = Type.String({ format: 'utc-time' })

/** One accepted change, as the order service applied it. */
export const OrderVersion = closed(
  {
    version,
    status: Type.String(),
    previousStatus: nullable(Type.String()),
    /** When the cart accepted it. */
    occurredAt: time,
    /** When the order service applied it. */
    appliedAt: time,
    eventId: Type.String(),
    /** 32 hex digits; null where the event had no `traceparent`. */
    traceId: nullable(Type.String()),
    /** Who made the change; null where the call was not authenticated. */
    actor: nullable(Type.String()),
  },
  'OrderVersion',
)
export type OrderVersion = Static<typeof OrderVersion>

/**
 * `fine`: each service is where the cart is, and did its part. `moving`: on its way. `held`: somebody has to decide.
 * `waiting`: for something outside that comes back by itself. `unknown`: a service that has to be asked did not answer.
 */
export const verdictStates = ['fine', 'moving', 'held', 'waiting', 'unknown'] as const
export const verdictCauses = [
  'none',
  'in-flight',
  'undecodable',
  'refused',
  'gap',
  'conflict',
  'differs-from-cart',
  'effect-parked',
  'effect-failing',
  'payment-declined',
  'backordered',
  'outbox-pending',
  'set-aside',
  'paused',
  'partition-stalled',
  'service-unreachable',
] as const
export type VerdictState = (typeof verdictStates)[number]
export type VerdictCause = (typeof verdictCauses)[number]

export const Verdict = closed(
  {
    state: Type.Enum(verdictStates),
    cause: Type.Enum(verdictCauses),
    /** Where it stands; null where nothing stands. */
    service: nullable(Type.String()),
    since: nullable(time),
    /** One sentence for a person: what happened, where, since when. */
    sentence: Type.String(),
    /** The parked event, effect or set-aside event it is about. */
    event: Type.Optional(Type.String()),
    /** What can help now, the best first. `command` can be pasted into a POSIX shell as it is. */
    next: Type.Array(closed({ command: Type.String(), explains: Type.String() }, 'NextStep')),
  },
  'Verdict',
)
export type Verdict = Static<typeof Verdict>

export const VersionRange = closed({ from: version, to: version }, 'VersionRange')
export type VersionRange = Static<typeof VersionRange>

export const ServiceView = closed(
  {
    /** False: it did not answer within 2 s, or not with what was asked for; all else is then null or empty. */
    reachable: Type.Boolean(),
    appliedVersion: nullable(version),
    appliedAt: nullable(time),
    /** Of the event that made `appliedVersion`; in the cart, that it wrote for it. Absent where it is not known. */
    eventId: Type.Optional(Type.String()),
    /** Versions of which no event was applied, as an operator skipped them. Absent where there are none. */
    skipped: Type.Optional(Type.Array(VersionRange)),
    /** What the service says of its own part: of the cart and order the order's status, of inventory the reservation's,
     *  of billing the invoice's, of shipping the shipment's. */
    status: nullable(Type.String()),
    /** As `GET /ops/keys/{key}` has them in `events` and `effects`, without the raw bytes; of an effect that is done also its
     *  `result`: charged, refunded, done, declined, not needed, or answered, where it is not known what the answer was. */
    parked: Type.Array(Type.Record(Type.String(), Type.Unknown())),
    effects: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  },
  'ServiceView',
)
export type ServiceView = Static<typeof ServiceView>

/** An event that Kafka has not acknowledged yet. */
export const OutboxRow = closed(
  {
    service: Type.String(),
    event: Type.String(),
    topic: Type.String(),
    version: nullable(version),
    since: time,
    /** It is set aside: Kafka refuses it for good. */
    setAside: Type.Boolean(),
    cause: nullable(Type.String()),
  },
  'OutboxRow',
)
export type OutboxRow = Static<typeof OutboxRow>

export const Timeline = closed(
  {
    orderId: Type.String(),
    verdict: Verdict,
    /** The oldest first; at most the newest 1,000. */
    versions: Type.Array(OrderVersion),
    services: Type.Record(Type.String(), ServiceView),
    outbox: Type.Array(OutboxRow),
  },
  'Timeline',
)
export type Timeline = Static<typeof Timeline>

interface OfHistory {
  version: number
  /** `3`, or `3 to 5` of what was skipped together. */
  label: string
  /** Undefined: skipped by hand, no event was applied. */
  applied: OrderVersion | undefined
  /** Of what was applied: the cart wrote it, or it is not known whether it did. */
  isOfCart: boolean
}

/** What the order service has made of the order, the oldest first. `isSignedIn`: who made a change is known of some. */
export function historyOf(timeline: Timeline): { lines: OfHistory[]; isSignedIn: boolean } {
  const { versions, services } = timeline
  const applied = versions.map((one) => ({
    version: one.version,
    label: String(one.version),
    applied: one,
    isOfCart: isOfCart(timeline, one),
  }))
  const skipped = (services.order?.skipped ?? []).map(({ from, to }) => ({
    version: from,
    label: from === to ? String(from) : `${from} to ${to}`,
    applied: undefined,
    isOfCart: false,
  }))
  return {
    lines: [...applied, ...skipped].sort((a, b) => a.version - b.version),
    isSignedIn: versions.some(({ actor }) => actor !== null),
  }
}

function isOfCart({ services: { cart } }: Timeline, { version, eventId }: OrderVersion): boolean {
  if (!cart?.reachable) return true
  const has = cart.appliedVersion ?? 0
  return version < has || (version === has && (cart.eventId === undefined || cart.eventId === eventId))
}

/** How many effects came to each result, and how many are to be done yet. */
export function effectCounts(effects: ServiceView['effects']): [what: string, count: number][] {
  const what = ({ state, result }: ServiceView['effects'][number]) =>
    state === 'done' ? String(result ?? 'answered') : 'to do'
  return [...Map.groupBy(effects, what)].map(([name, all]) => [name, all.length])
}

/** What is one thing to do, with its command for each service: the same advice is given once. */
export function stepsOf({ next }: Verdict): { explains: string; commands: string[] }[] {
  const steps: { explains: string; commands: string[] }[] = []
  for (const { command, explains } of next) {
    const last = steps.at(-1)
    if (last?.explains === explains) last.commands.push(command)
    else steps.push({ explains, commands: [command] })
  }
  return steps
}

/** How long something took, for people: `7 ms`, `1.2 s`, `2 min 30 s`, `3 h 5 min`. */
export function spanOf(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`
}
