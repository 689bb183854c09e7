// What needs someone, of what the services list: decided once, for the console and the command line.
import { isRefusal } from './receiver.ts'
import { consumers, type ServiceName, serviceNames, withEffects } from './service-names.ts'

/** What does not go on: parked events, effects, events that Kafka refuses, orders that the cart holds. */
export const kinds = ['events', 'effects', 'set-aside', 'orders'] as const
export type Kind = (typeof kinds)[number]

export const servicesWith: Record<Kind, readonly ServiceName[]> = {
  events: consumers,
  effects: withEffects,
  'set-aside': serviceNames,
  orders: ['cart'],
}

/** An order that a service lists among what it holds. */
export interface Held {
  service: ServiceName
  what: Kind
  key: string
  /** Of an effect: it is tried again by itself. */
  failing: boolean
  cause: string
  detail: string | null
  since: string
}

/** The orders that one cause holds up in one service. */
export interface Group extends Omit<Held, 'key' | 'since'> {
  count: number
  /** There are more than were counted. */
  isMore?: boolean
  oldest: string
  /** Of the only one. */
  key?: string | undefined
}

/** What a service says of itself. */
export interface Standing {
  service: ServiceName
  reachable: boolean
  /** What it is not ready without, or could not be asked. */
  missing: readonly string[]
  groups: readonly Group[]
  /** The newest first. */
  jobs: readonly JobSeen[]
}

interface JobSeen {
  id: number
  state: string
  failed: number
  updatedAt: string
  stoppedAt?: { key: string; detail: string } | undefined
}

export interface Need {
  service: ServiceName
  about: Kind | 'service' | 'job'
  /** `held`: it needs someone. `waiting`: it comes back by itself, and needs nobody. */
  tone: 'held' | 'waiting'
  cause: string
  what: string
  detail: string
  /** Null: not known; it is told first. */
  since: string | null
  /** Of the only order that it is about. */
  key?: string | undefined
  job?: number
}

export const sinceOfEffect = (effect: { parkedAt: string | null; failingSince: string | null; createdAt: string }) =>
  effect.parkedAt ?? effect.failingSince ?? effect.createdAt

/** `more`: services that hold more than they have listed. */
export function groupsOf(held: readonly Held[], more: readonly ServiceName[]): Group[] {
  const byCause = Map.groupBy(held, ({ service, what, failing, cause }) =>
    JSON.stringify([service, what, failing, cause]),
  )
  return [...byCause.values()].map((all) => {
    const oldest = all.reduce((a, b) => (Date.parse(a.since) <= Date.parse(b.since) ? a : b))
    const { service, what, failing, cause, detail, since, key } = oldest
    const isMore = more.includes(service)
    const isOne = all.length === 1 && !isMore
    return { service, what, failing, cause, detail, count: all.length, isMore, oldest: since, ...(isOne && { key }) }
  })
}

/** The oldest first. An order that an operator has paused needs nobody else. */
export function needsOf(standings: readonly Standing[]): Need[] {
  return standings
    .flatMap(({ service, reachable, missing, groups, jobs: [newest] }): Need[] => [
      ...(reachable && missing.length === 0 ? [] : [ofService(service, reachable, missing)]),
      ...groups.filter(({ cause }) => cause !== 'paused').map(ofGroup),
      ...(newest?.state === 'stopped' ? [ofJob(service, newest)] : []),
    ])
    .sort((a, b) => (a.since ?? '').localeCompare(b.since ?? ''))
}

/** What is the same in several services (a record that none can read), to be told once. */
export const together = (needs: readonly Need[]): Need[][] => [
  ...Map.groupBy(needs, ({ tone, cause, what, detail }) => JSON.stringify([tone, cause, what, detail])).values(),
]

/** Whether it comes back by itself nobody knows. */
function ofService(service: ServiceName, reachable: boolean, missing: readonly string[]): Need {
  const about = { service, about: 'service', tone: 'held', since: null } as const
  return reachable
    ? { ...about, cause: 'not-ready', what: 'is not ready', detail: `Missing: ${missing.join(', ')}` }
    : { ...about, cause: 'service-unreachable', what: 'does not answer', detail: missing[0] ?? 'Is the process there?' }
}

const things: Record<Kind, [one: string, many: string]> = {
  events: ['order is parked', 'orders are parked'],
  effects: ['order waits for an effect', 'orders wait for an effect'],
  'set-aside': ['event is set aside, as Kafka refuses it', 'events are set aside, as Kafka refuses them'],
  orders: ['order is held by the cart', 'orders are held by the cart'],
}

function ofGroup({ service, what, failing, cause, detail, count, isMore, oldest, key }: Group): Need {
  const [one, many] = things[what]
  const counted = `${count.toLocaleString('en')} ${isMore ? `or more ${many}` : count === 1 ? one : many}`
  return {
    service,
    about: what,
    tone: failing && !isRefusal(cause) ? 'waiting' : 'held',
    cause,
    what: failing ? `${counted} that fails and is tried again` : counted,
    detail: detail ?? '',
    since: oldest,
    key,
  }
}

const ofJob = (service: ServiceName, { id, failed, updatedAt, stoppedAt }: JobSeen): Need => ({
  service,
  about: 'job',
  tone: 'held',
  cause: 'job-stopped',
  what: `job ${id} has stopped: ${failed} of its orders are still held`,
  detail: stoppedAt ? `It stopped at ${stoppedAt.key}: ${stoppedAt.detail}` : '',
  since: updatedAt,
  job: id,
})
