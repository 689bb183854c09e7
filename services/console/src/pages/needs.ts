// What needs somebody now, of all services, the oldest first.

import {
  type Group,
  groupsOf,
  type Kind,
  type Need as NeedOfOne,
  needsOf as needsOfEach,
  type Standing,
  sinceOfEffect,
  together,
} from '@inorder/contracts/needs.ts'
import { pathOf, queryOf } from '@inorder/contracts/paths.ts'
import { consumers, type ServiceName, serviceNames, withEffects } from '@inorder/contracts/service-names.ts'
import type { HeldEffect } from '@inorder/messaging/effects/ops.ts'
import type { Job, ParkedGroup } from '@inorder/messaging/inbox/ops.ts'
import type { SetAside } from '@inorder/messaging/outbox/ops.ts'
import type { Answer } from '../services.ts'
import type { Lists, Viewer } from '../viewer.ts'
import { newestJobs } from './surroundings.ts'

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

/** `places`: where it stands so, and the page of it there, if there is one. */
export type Need = Omit<NeedOfOne, 'service'> & { places: { service: ServiceName; href: string | undefined }[] }

export const needsOf = (trouble: Trouble): Need[] =>
  together(needsOfEach(standingsIn(trouble))).map((needs) => ({
    ...needs[0]!,
    places: needs.map((need) => ({ service: need.service, href: hrefOf(need) })),
  }))

function standingsIn({ groups, effects, failing, setAside, held, jobs, health }: Trouble): Standing[] {
  const all: Group[] = [
    ...groups.items.map((group) => ({ ...group, what: 'events' as const, failing: false })),
    ...listed('effects', effects),
    ...listed('effects', failing, true),
    ...listed('set-aside', setAside),
    ...listed('orders', held),
  ]
  return serviceNames.map((service) => {
    const missing = health.find((of) => of.service === service)?.missing
    const here = (of: { service: ServiceName }) => of.service === service
    return {
      service,
      reachable: missing !== null,
      missing: missing ?? [],
      groups: all.filter(here),
      jobs: jobs.items.filter(here),
    }
  })
}

const listed = (what: Kind, { items, more }: Lists<HeldEffect | SetAside | HeldOrder>, failing = false): Group[] =>
  groupsOf(
    items.map((item) => ({
      ...{ service: item.service, what, key: item.key, failing, cause: item.cause ?? 'unknown', detail: item.detail },
      since: 'since' in item ? item.since : sinceOfEffect(item),
    })),
    more,
  )

const sections = { effects: 'effects', 'set-aside': 'set-aside', orders: 'held' }

function hrefOf({ about, service, cause, detail, key, job }: NeedOfOne): string | undefined {
  if (about === 'service') return /partition|records/.test(detail) ? '/topics' : undefined
  if (about === 'job') return pathOf('jobs', service, job ?? '')
  if (about === 'events') return `${pathOf('parked', service)}${queryOf({ cause })}`
  return key === undefined ? `/parked#${sections[about]}` : pathOf('orders', key)
}
