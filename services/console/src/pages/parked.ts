// What is parked, of all services: groups by cause, and from a group the orders of it.
import { sinceOfEffect } from '@inorder/contracts/needs.ts'
import { pathOf, queryOf } from '@inorder/contracts/paths.ts'
import { isRefusal } from '@inorder/contracts/receiver.ts'
import type { ServiceName } from '@inorder/contracts/service-names.ts'
import type { HeldEffect } from '@inorder/messaging/effects/ops.ts'
import type { Job, ParkedGroup, ParkedKey } from '@inorder/messaging/inbox/ops.ts'
import type { SetAside } from '@inorder/messaging/outbox/ops.ts'
import type { List, Lists, Of } from '../viewer.ts'
import { act } from './act.ts'
import { type Html, html } from './html.ts'
import type { HeldOrder } from './needs.ts'
import { badge, counted, figure, nothing, pager, table } from './parts.ts'
import { when } from './time.ts'

export interface Parked {
  groups: Lists<ParkedGroup>
  effects: Lists<HeldEffect>
  /** They are tried again by themselves. */
  failing: Lists<HeldEffect>
  setAside: Lists<SetAside>
  held: Lists<HeldOrder>
  jobs: Lists<Job>
}

const orderLink = (key: string): Html => html`<a href="${pathOf('orders', key)}">${key}</a>`
const long = (text: string | null): Html => html`<span class="long">${text}</span>`

export const parked = ({ groups, effects, failing, setAside, held, jobs }: Parked, now: number): Html => html`
<section aria-labelledby="groups-head"><h2 id="groups-head">Parked events</h2>
${silent(groups)}${
  groups.items.length === 0
    ? none(groups, 'Nothing is parked')
    : html`<div class="cards">${sameGroups(groups.items).map((group, n) => groupCard(group, n, now))}</div>`
}</section>
<section id="effects" aria-labelledby="effects-head"><h2 id="effects-head">Slow effects that do not come through</h2>
${silent(effects)}${
  effects.items.length + failing.items.length === 0
    ? none(effects, 'No effect is parked, and none fails')
    : table(
        'Effects that are parked, or fail and are tried again',
        ['service', 'order', 'kind', 'state', 'cause', 'since', 'behind', 'detail'],
        [...effects.items, ...failing.items].map((effect) => [
          effect.service,
          html`<a href="${pathOf('parked', effect.service, effect.key)}">${effect.key}</a>`,
          effect.kind,
          effect.state === 'parked' ? 'parked' : 'tried again',
          badge(effect.state === 'parked' || isRefusal(effect.cause) ? 'bad' : 'wait', effect.cause),
          when(sinceOfEffect(effect), now),
          effect.behind,
          long(effect.detail),
        ]),
      )
}${more(effects)}${more(failing)}</section>
<section id="set-aside" aria-labelledby="set-aside-head"><h2 id="set-aside-head">Set aside: events that Kafka refuses</h2>
${silent(setAside)}${
  setAside.items.length === 0
    ? none(setAside, 'No event is set aside')
    : table(
        'Events that are set aside',
        ['service', 'order', 'version', 'cause', 'since', 'behind', 'detail', ''],
        setAside.items.map((row) => [
          row.service,
          orderLink(row.key),
          row.version,
          badge('bad', row.cause),
          when(row.since, now),
          row.behind,
          long(row.detail),
          html`${act('set-aside-redrive', row, 'Try again')} ${act('set-aside-discard', row, 'Give it up', { reason: true })}`,
        ]),
      )
}${more(setAside)}</section>
<section id="held" aria-labelledby="held-head"><h2 id="held-head">Orders that the cart holds</h2>
${silent(held)}${
  held.items.length === 0
    ? held.silent.length === 0 && nothing('No order is held in the cart.')
    : table(
        'Orders that are held in the cart',
        ['order', 'version', 'newest in the log', 'cause', 'since', 'detail', ''],
        held.items.map((row) => [
          orderLink(row.key),
          row.version,
          row.newest,
          badge('bad', row.cause),
          when(row.since, now),
          long(row.detail),
          act('held-release', row, 'Let it go on', { reason: true }),
        ]),
      )
}${more(held)}</section>
<section aria-labelledby="jobs-head"><h2 id="jobs-head">Jobs</h2><div id="jobs" data-live>${jobTable(jobs.items, now)}</div></section>`

const silent = ({ silent }: Lists<unknown>) =>
  silent.length > 0 && html`<p class="notice bad">${silent.join(', ')} did not answer.</p>`
/** Of whoever did not answer nothing is said. */
const none = ({ silent }: Lists<unknown>, text: string) =>
  nothing(silent.length === 0 ? `${text}.` : `${text} in the others.`)
const more = ({ more }: Lists<unknown>) =>
  more.length > 0 && html`<p class="none">There are more in ${more.join(', ')}.</p>`

/** Causes that a redrive cannot take away. */
const helpless = ['paused', 'gap']

/** The oldest first; what is the same in several services (a record that none can read) together. */
const sameGroups = (groups: Of<ParkedGroup>[]): Of<ParkedGroup>[][] =>
  [...Map.groupBy(groups, ({ cause, detail }) => JSON.stringify([cause, detail])).values()].sort((a, b) =>
    oldestOf(a).localeCompare(oldestOf(b)),
  )

const oldestOf = (groups: Of<ParkedGroup>[]): string => groups.map(({ oldest }) => oldest).sort()[0]!

function groupCard(groups: Of<ParkedGroup>[], n: number, now: number): Html {
  const { cause, detail } = groups[0]!
  const isOne = groups.length === 1
  return html`
<article class="card" aria-labelledby="group-${n}">
<h3 id="group-${n}">${groups.map(({ service, count }, at) => html`${at > 0 && ', '}<a href="${pathOf('parked', service)}${queryOf({ cause })}">${service}: ${counted(count, 'order')}</a>`)} ${badge(cause === 'paused' ? 'wait' : 'bad', cause)}</h3>
<p class="detail">${detail}</p><p class="since">oldest ${when(oldestOf(groups), now)}</p>
${cause === 'gap' && html`<p class="none">A redrive cannot bring a version that never came: what can be done stands with each order.</p>`}
${
  !helpless.includes(cause) &&
  groups.map(({ service }) => {
    const named = (text: string) => (isOne ? text : `${service}: ${text}`)
    return html`<div class="acts">${act('job-begin', { service, cause, detail, dryRun: 'yes' }, named('Dry run of all'))} ${act('job-begin', { service, cause, detail }, named('Redrive all'), { canary: true })}</div>`
  })
}
</article>`
}

export const jobTable = (jobs: Of<Job>[], now: number): Html =>
  jobs.length === 0
    ? nothing('There was no job yet.')
    : table(
        'Jobs of all services, the newest first',
        ['job', 'state', 'orders', 'applied', 'failed', 'by', 'started'],
        jobs
          .toSorted((a, b) => b.startedAt.localeCompare(a.startedAt))
          .map((job) => [
            html`<a href="${pathOf('jobs', job.service, job.id)}">${job.service} ${job.id}</a> ${job.dryRun && badge('plain', 'dry run')}`,
            badge(jobTones[job.state], job.state),
            `${figure(job.tried)} of ${figure(job.total)}`,
            figure(job.applied),
            figure(job.failed),
            job.by,
            when(job.startedAt, now),
          ]),
      )

export const jobTones = { running: 'move', stopped: 'bad', cancelled: 'wait', done: 'good' } as const

/** The orders that a service holds up, of one cause or of all. */
export function parkedKeys(
  service: ServiceName,
  cause: string,
  after: string,
  list: List<ParkedKey>,
  now: number,
): Html {
  const path = pathOf('parked', service)
  return html`<p class="lead">${cause === '' ? 'Of every cause.' : html`Of the cause ${badge('bad', cause)}. <a href="${path}">Of every cause</a>`} <a href="/parked">All services</a></p>
${
  list.items.length === 0
    ? nothing('Nothing is parked.')
    : table(
        `Orders that the ${service} service holds up`,
        ['order', 'cause', 'events', 'since', 'held up by'],
        list.items.map(({ key, cause, count, since, event }) => [
          html`<a href="${pathOf('parked', service, key)}">${key}</a>`,
          badge('bad', cause),
          count,
          when(since, now),
          html`<code>${event}</code>`,
        ]),
      )
}${pager(path, queryOf({ cause }), list.next, after === '')}`
}
