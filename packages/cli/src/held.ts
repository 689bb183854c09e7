// What does not go on by itself, in one service or all: parked events, effects that fail, events that Kafka refuses, orders
// that the cart holds.
import {
  type Group,
  groupsOf,
  type Held as HeldOrder,
  type Kind,
  kinds,
  servicesWith,
  sinceOfEffect,
} from '@inorder/contracts/needs.ts'
import { queryOf } from '@inorder/contracts/paths.ts'
import type { Service } from './addresses.ts'
import type { Context } from './context.ts'

/** As a list shows it. */
export interface Held extends HeldOrder {
  /** Events or effects of the order that wait. */
  count: number
  event: string | null
}

/** `more`: there are more than were asked for. */
export interface Listed<Item> {
  items: Item[]
  more: boolean
}

export interface Wanted {
  what?: Kind | undefined
  cause?: string | undefined
  limit: number
}

type Page<Item> = { items: Item[]; next: string | null }
interface ParkedKey {
  key: string
  cause: string
  count: number
  since: string
  event: string
}
interface HeldEffect {
  key: string
  effect: string
  cause: string
  detail: string | null
  behind: number
  createdAt: string
  failingSince: string | null
  parkedAt: string | null
}
type SetAside = Omit<ParkedKey, 'count'> & { detail: string; behind: number }
type HeldInCart = Pick<SetAside, 'key' | 'cause' | 'detail' | 'since'>

export async function heldIn(
  context: Context,
  service: Service,
  { what, cause, limit }: Wanted,
): Promise<Listed<Held>> {
  const parameters = queryOf({ cause, limit })
  const list = async <Item>(
    kind: Kind,
    path: string,
    read: (item: Item) => Pick<Held, 'count' | 'since' | 'event'>,
  ) => {
    if ((what !== undefined && what !== kind) || !servicesWith[kind].includes(service))
      return { items: [], more: false }
    const { body } = await context.ask<Page<Item & { key: string; cause: string; detail?: string | null }>>(
      service,
      path,
    )
    const items = body.items.map((item): Held => {
      const { key, cause, detail = null } = item
      return { service, what: kind, failing: path.includes('state=failing'), key, cause, detail, ...read(item) }
    })
    return { items, more: body.next !== null }
  }
  const effects = (state: string) =>
    list<HeldEffect>('effects', `/ops/effects${queryOf({ state, cause, limit })}`, (item) => ({
      count: 1 + item.behind,
      since: sinceOfEffect(item),
      event: item.effect,
    }))
  const lists = await Promise.all([
    list<ParkedKey>('events', `/ops/parked${parameters}`, ({ count, since, event }) => ({ count, since, event })),
    effects('parked'),
    effects('failing'),
    list<SetAside>('set-aside', `/ops/set-aside${parameters}`, ({ behind, since, event }) => ({
      count: 1 + behind,
      since,
      event,
    })),
    list<HeldInCart>('orders', `/ops/held${queryOf({ limit })}`, ({ since }) => ({ count: 1, since, event: null })),
  ])
  const items = lists.flatMap(({ items }) => items).filter((held) => cause === undefined || held.cause === cause)
  return { items, more: lists.some(({ more }) => more) }
}

interface ParkedGroup {
  cause: string
  detail: string
  count: number
  oldest: string
}

/** What holds orders up: of events as the service groups them, of all else the first 1,000 by cause. */
export async function groupsIn(context: Context, service: Service, what?: Kind): Promise<Listed<Group>> {
  const wantsEvents = (what === undefined || what === 'events') && servicesWith.events.includes(service)
  const others = kinds.filter((kind) => kind !== 'events' && (what === undefined || what === kind))
  const [events, ...lists] = await Promise.all([
    wantsEvents
      ? context.ask<Page<ParkedGroup>>(service, '/ops/parked/groups?limit=1000').then(({ body }) => body)
      : { items: [], next: null },
    ...others.map((kind) => heldIn(context, service, { what: kind, limit: 1_000 })),
  ])
  const groups = events.items.map(
    ({ cause, detail, count, oldest }): Group => ({
      service,
      what: 'events',
      failing: false,
      cause,
      detail,
      count,
      oldest,
    }),
  )
  groups.push(...lists.flatMap(({ items, more }) => groupsOf(items, more ? [service] : [])))
  return { items: groups, more: events.next !== null || lists.some(({ more }) => more) }
}
