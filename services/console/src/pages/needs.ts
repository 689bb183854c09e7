// What needs somebody now, of all services, the oldest first.
import { consumers, type ServiceName, serviceNames, withEffects } from '@inorder/contracts/service-names.ts'
import type { HeldEffect } from '@inorder/messaging/effects/ops.ts'
import type { Job, ParkedGroup } from '@inorder/messaging/inbox/ops.ts'
import type { SetAside } from '@inorder/messaging/outbox/ops.ts'
import type { Answer } from '../services.ts'
import { newestJobs } from './surroundings.ts'
import { type Lists, type Of, pathOf, queryOf, type Viewer } from '../viewer.ts'

/** An order that the cart cannot join with the log. */
export interface HeldOrder {
  key: string
  version: number
  cause: string
  detail: string
  newest: number | null
  since: string
}

export interface Health {
  service: ServiceName
  /** Null: it did not answer. */
  missing: string[] | null
}

export interface Trouble {
  groups: Lists<ParkedGroup>
  effects: Lists<HeldEffect>
  failing: Lists<HeldEffect>
  setAside: Lists<SetAside>
  held: Lists<HeldOrder>
  jobs: Lists<Job>
  health: Health[]
}

/** Of each list the first page: more than that is for the page of what is parked. */
const most = 200

export async function troubleOf(viewer: Viewer): Promise<Trouble> {
  const [groups, effects, failing, setAside, held, jobs, health] = await Promise.all([
    viewer.lists<ParkedGroup>(consumers, `/ops/parked/groups?limit=${most}`),
    viewer.lists<HeldEffect>(withEffects, `/ops/effects?limit=${most}`),
    viewer.lists<HeldEffect>(withEffects, `/ops/effects?state=failing&limit=${most}`),
    viewer.lists<SetAside>(serviceNames, `/ops/set-aside?limit=${most}`),
    viewer.lists<HeldOrder>(['cart'], `/ops/held?limit=${most}`),
    viewer.lists<Job>(consumers, newestJobs),
    Promise.all(serviceNames.map(async (service) => healthOf(service, await viewer.ask(service, '/health/ready')))),
  ])
  return { groups, effects, failing, setAside, held, jobs, health }
}

function healthOf(service: ServiceName, answer: Answer): Health {
  if (!answer.reachable) return { service, missing: null }
  const { missing } = Object(answer.body) as { missing?: string[] }
  return { service, missing: missing ?? [] }
}

export interface Need {
  /** Where it stands so, and the page of it there. */
  places: { service: ServiceName; href: string }[]

  /** `held`: a person has to decide. `waiting`: it comes back by itself. */
  tone: 'held' | 'waiting'
  cause: string
  what: string
  detail: string
  /** Null: not known; it is told first. */
  since: string | null
}

type OneNeed = Omit<Need, 'places'> & Need['places'][number]

const counted = (count: number, isMore: boolean, one: string, many = `${one}s`) =>
  `${count.toLocaleString('en')}${isMore ? ' or more' : ''} ${count === 1 && !isMore ? one : many}`

/** What is the same in several services (a record that none can read) is told once. */
export function needsOf(trouble: Trouble): Need[] {
  const byWhat = Map.groupBy(allNeeds(trouble), ({ tone, cause, what, detail }) =>
    JSON.stringify([tone, cause, what, detail]),
  )
  return [...byWhat.values()].map((needs) => {
    const { service, href, ...first } = needs[0]!
    return { ...first, places: needs.map(({ service, href }) => ({ service, href })) }
  })
}

/** The oldest first. */
function allNeeds({ groups, effects, failing, setAside, held, jobs, health }: Trouble): OneNeed[] {
  const needs: OneNeed[] = []
  for (const { service, missing } of health) {
    const href = missing?.some((part) => part.includes('partition') || part.includes('records')) ? '/topics' : '/'
    const about = { tone: 'waiting', service, since: null, href } as const
    if (missing === null)
      needs.push({ ...about, cause: 'service-unreachable', what: 'does not answer', detail: 'Is the process there?' })
    else if (missing.length > 0)
      needs.push({ ...about, cause: 'not-ready', what: 'is not ready', detail: `Missing: ${missing.join(', ')}` })
  }
  for (const { service, cause, detail, count, oldest } of groups.items) {
    if (cause === 'paused') continue
    const href = `${pathOf('parked', service)}${queryOf({ cause })}`
    needs.push({
      tone: 'held',
      service,
      cause,
      what: `${counted(count, false, 'order')} held`,
      detail,
      since: oldest,
      href,
    })
  }
  needs.push(...ofEffects(effects, 'held', 'parked'), ...ofEffects(failing, 'waiting', 'failing, tried again'))
  for (const [rows, what, section] of [
    [setAside, 'refused by Kafka, set aside', 'set-aside'],
    [held, 'held in the cart', 'held'],
  ] as const) {
    for (const { service, cause, items } of byCause<SetAside | HeldOrder>(rows.items)) {
      const first = items[0]!
      const count = counted(items.length, rows.more.includes(service), section === 'held' ? 'order' : 'event')
      const href = items.length === 1 ? pathOf('orders', first.key) : `/parked#${section}`
      needs.push({
        tone: 'held',
        service,
        cause,
        what: `${count} ${what}`,
        detail: first.detail,
        since: first.since,
        href,
      })
    }
  }
  // Of each service its newest alone: what one before it left was seen when that one was begun.
  const newest = new Map(jobs.items.toReversed().map((job) => [job.service, job]))
  for (const { service, state, id, stoppedAt, updatedAt, failed } of newest.values()) {
    if (state !== 'stopped') continue
    const detail = stoppedAt ? `It stopped at ${stoppedAt.key}: ${stoppedAt.detail}` : ''
    const job = { tone: 'held', service, since: updatedAt, href: pathOf('jobs', service, id) } as const
    needs.push({
      ...job,
      cause: 'job-stopped',
      what: `job ${id} stopped, ${counted(failed, false, 'order')} failed`,
      detail,
    })
  }
  return needs.sort((a, b) => (a.since ?? '').localeCompare(b.since ?? ''))
}

function ofEffects({ items, more }: Lists<HeldEffect>, tone: Need['tone'], what: string): OneNeed[] {
  return byCause(items.map((effect) => ({ ...effect, cause: effect.cause ?? 'unknown' }))).map(
    ({ service, cause, items }) => {
      const first = items.reduce((a, b) => (sinceOf(a) <= sinceOf(b) ? a : b))
      const kinds = [...new Set(items.map(({ kind }) => kind))].join(', ')
      const href = items.length === 1 ? pathOf('orders', first.key) : '/parked#effects'
      const count = counted(items.length, more.includes(service), `effect (${kinds})`, `effects (${kinds})`)
      return { tone, service, cause, what: `${count} ${what}`, detail: first.detail ?? '', since: sinceOf(first), href }
    },
  )
}

const sinceOf = ({ failingSince, parkedAt, createdAt }: HeldEffect) => failingSince ?? parkedAt ?? createdAt

function byCause<Item extends { cause: string }>(items: Of<Item>[]) {
  const groups = Map.groupBy(items, ({ service, cause }) => `${service} ${cause}`)
  return [...groups.values()].map((items) => ({ service: items[0]!.service, cause: items[0]!.cause, items }))
}
