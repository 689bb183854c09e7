// Which pages there are, what each asks, and what it makes of the answers.

import type { Order } from '@inorder/contracts/order.ts'
import { pathOf, queryOf } from '@inorder/contracts/paths.ts'
import { Problem } from '@inorder/contracts/problems.ts'
import { consumers, type ServiceName, serviceNames, withEffects } from '@inorder/contracts/service-names.ts'
import type { HeldEffect, ShownEffect } from '@inorder/messaging/effects/ops.ts'
import type {
  Job,
  ParkedDetail,
  ParkedGroup,
  ParkedKey,
  PartitionPosition,
  Redriven,
} from '@inorder/messaging/inbox/ops.ts'
import type { SetAside } from '@inorder/messaging/outbox/ops.ts'
import type { Answer } from '../services.ts'
import { timelineOf } from '../timeline.ts'
import type { List, Viewer } from '../viewer.ts'
import { audit, auditOf } from './audit.ts'
import { heldKey } from './held-key.ts'
import { type Html, html } from './html.ts'
import { job } from './job.ts'
import type { Page } from './layout.ts'
import { type HeldOrder, troubleOf } from './needs.ts'
import { serviceOf } from './operations.ts'
import { order } from './order.ts'
import { orders, ordersPath } from './orders.ts'
import { overview } from './overview.ts'
import { parked, parkedKeys } from './parked.ts'
import { nothing, refusal } from './parts.ts'
import { newestJobs } from './surroundings.ts'
import { topics } from './topics.ts'
import { tryIt } from './try-it.ts'

export interface Asked {
  viewer: Viewer
  /** Of the path. */
  params: Readonly<Record<string, string>>
  /** Empty where it is not given. */
  query(name: string): string
  now: number
}

export type Found = { page: Page; status?: number } | { redirect: string }

/** Its charts come by themselves; what needs somebody is some thirty questions. */
const ofOverview = 10_000
const seldom = 3_000
const often = 1_000
const most = 1_000

/** `poisons`: the page to try things can poison an order. */
export const pagesOf = (poisons: boolean): Record<string, (asked: Asked) => Promise<Found>> => ({
  '/': async ({ viewer, now }) => {
    const main = overview(await troubleOf(viewer), now)
    return { page: { title: 'Overview', main, everyMs: ofOverview, charts: true } }
  },

  '/orders': async ({ viewer, query, now }) => {
    const orderId = query('orderId').trim()
    if (orderId !== '') return { redirect: pathOf('orders', orderId) }
    const wanted = { status: query('status'), customerId: query('customerId'), after: query('after') }
    return { page: { title: 'Orders', main: orders(wanted, await viewer.ask('order', ordersPath(wanted)), now) } }
  },

  '/orders/:orderId': async ({ viewer, params: { orderId = '' }, now }) => {
    // Of /orders/.
    if (orderId === '') return { redirect: '/orders' }
    const [timeline, inCart] = await Promise.all([
      timelineOf(viewer, orderId),
      viewer.get<Order>('cart', pathOf('orders', orderId)),
    ])
    const everyMs = timeline?.verdict.state === 'fine' ? seldom : often
    if (timeline) return { page: { title: `Order ${orderId}`, main: order({ timeline, order: inCart }, now), everyMs } }
    const main = html`<div id="verdict" data-live>${nothing('Every service answered, and none knows this order.')}</div>`
    return { status: 404, page: { title: `Order ${orderId}`, main, everyMs: often } }
  },

  '/parked': async ({ viewer, now }) => {
    const [groups, effects, failing, setAside, held, jobs] = await Promise.all([
      viewer.lists<ParkedGroup>(consumers, `/ops/parked/groups?limit=${most}`),
      viewer.lists<HeldEffect>(withEffects, '/ops/effects?limit=100'),
      viewer.lists<HeldEffect>(withEffects, '/ops/effects?state=failing&limit=100'),
      viewer.lists<SetAside>(serviceNames, '/ops/set-aside?limit=100'),
      viewer.lists<HeldOrder>(['cart'], '/ops/held?limit=100'),
      viewer.lists<Job>(consumers, newestJobs),
    ])
    const main = parked({ groups, effects, failing, setAside, held, jobs }, now)
    return { page: { title: 'Parked', main, everyMs: seldom } }
  },

  '/parked/:service': async ({ viewer, params, query, now }) => {
    const service = consumerOf(params)
    const [cause, after] = [query('cause'), query('after')]
    const answer = await viewer.ask(service, `/ops/parked${queryOf({ limit: 100, cause, after })}`)
    const title = `Parked in the ${service} service`
    if (!answer.reachable || answer.status !== 200) return refused(title, answer, service)
    return { page: { title, main: parkedKeys(service, cause, after, answer.body as List<ParkedKey>, now) } }
  },

  '/parked/:service/:key': async ({ viewer, params, query, now }) => {
    const service = consumerOf(params)
    const { key = '' } = params
    const title = `${key} in the ${service} service`
    const path = pathOf('ops', 'parked', key)
    // It changes nothing, so that its address can be shared like any other.
    const asIfRedriven =
      query('dryRun') === 'yes' ? viewer.write(service, `${path}/redrive`, 'POST', { dryRun: true }) : undefined
    const [answer, ofEffects] = await Promise.all([
      viewer.ask(service, path),
      withEffects.includes(service)
        ? viewer.get<{ effects: ShownEffect[] }>(service, pathOf('ops', 'effects', key))
        : undefined,
    ])
    if (!answer.reachable || (answer.status !== 200 && answer.status !== 404)) return refused(title, answer, service)
    const parked = answer.status === 200 ? (answer.body as ParkedDetail) : undefined
    // With much behind it this takes its time; a service that is silent has been given up by then.
    const trial = await asIfRedriven
    const isTried = trial?.reachable && trial.status === 200
    const held = {
      service,
      key,
      parked,
      effects: ofEffects?.effects ?? [],
      foreseen: isTried ? (trial.body as Redriven) : undefined,
    }
    const main = html`${trial && !isTried && parked && refusal(trial, service)}${outcome(query)}${heldKey(held, now)}`
    return { page: { title, main } }
  },

  '/jobs/:service/:id': async ({ viewer, params, now }) => {
    const service = consumerOf(params)
    const { id = '' } = params
    const title = `Job ${id} of the ${service} service`
    const answer = await viewer.ask(service, pathOf('ops', 'jobs', id))
    if (!answer.reachable || answer.status !== 200) return refused(title, answer, service)
    return { page: { title, main: job({ ...(answer.body as Job), service }, now), everyMs: often } }
  },

  '/topics': async ({ viewer }) => {
    const positions = await viewer.lists<PartitionPosition>(consumers, '/ops/positions?limit=1000')
    return { page: { title: 'Topics', main: topics(positions), everyMs: seldom } }
  },

  '/audit': async ({ viewer, query, now }) => ({
    page: { title: 'Audit', main: audit(await auditOf(viewer, query('after')), now) },
  }),

  '/try': async ({ query }) => ({
    page: { title: 'Try it', main: tryIt({ orderId: query('orderId') || `try-${newId()}`, poisons }) },
  }),
})

const refused = (title: string, answer: Answer, service: ServiceName): Found => ({
  page: { title, main: refusal(answer, service) },
  status: answer.reachable ? answer.status : 503,
})

function consumerOf(params: Asked['params']): ServiceName {
  const service = serviceOf(params)
  if (service === 'cart') throw new Problem('route-not-found', 'The cart consumes nothing: nothing is parked in it.')
  return service
}

/** What a redrive or a discard did, as operations.ts tells it in the address. */
function outcome(query: Asked['query']): Html | false {
  const [applied, remaining] = [query('applied'), query('remaining')]
  if (!/^\d+$/.test(applied) || !/^\d+$/.test(remaining)) return false
  const isStill = query('redriven') === '1' && applied === '0'
  return isStill
    ? html`<p class="notice wait" role="status">Nothing could be applied: ${remaining} still parked.</p>`
    : html`<p class="notice good" role="status">Done: ${applied} applied, ${remaining} still parked.</p>`
}

const newId = () => Math.random().toString(36).slice(2, 8)
