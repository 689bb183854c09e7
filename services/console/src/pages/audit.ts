// Who did what, of all services in one list. Each service has its own numbers: a page begins behind one of each.
import { pathOf, queryOf } from '@inorder/contracts/paths.ts'
import { type ServiceName, serviceNames } from '@inorder/contracts/service-names.ts'
import type { AuditEntry } from '@inorder/messaging/outbox/ops.ts'
import type { List, Of, Viewer } from '../viewer.ts'
import { type Html, html } from './html.ts'
import { badge, lines, nothing, pager } from './parts.ts'
import { when } from './time.ts'

const perPage = 50

export interface Audit {
  entries: Of<AuditEntry>[]
  silent: ServiceName[]
  next: string | null
  isFirst: boolean
}

/** `after` is `cart:7,order:12`: behind these entries; of a service that is not in it, everything was shown. Empty: the newest. */
export async function auditOf(viewer: Viewer, after: string): Promise<Audit> {
  const behind = new Map(after.split(',').map((part) => part.split(':') as [string, string]))
  const asked = serviceNames.filter((service) => after === '' || /^\d+$/.test(behind.get(service) ?? ''))
  const lists = await Promise.all(
    asked.map(async (service) => {
      const cursor = behind.get(service)
      const list = await viewer.get<List<AuditEntry>>(
        service,
        `/ops/audit${queryOf({ limit: perPage, after: cursor })}`,
      )
      return { service, cursor, list }
    }),
  )
  const newest = lists
    .flatMap(({ service, list }) => (list?.items ?? []).map((entry) => ({ ...entry, service })))
    .sort((a, b) => b.at.localeCompare(a.at))
    .slice(0, perPage)
  const cursors = lists.flatMap(({ service, cursor, list }) => {
    const shown = newest.findLast((entry) => entry.service === service)
    const isMore = list && (list.next !== null || list.items.at(-1)?.id !== shown?.id)
    const at = shown?.id ?? cursor ?? firstPage(list)
    return isMore && at !== undefined ? [`${service}:${at}`] : []
  })
  const silent = lists.filter(({ list }) => !list).map(({ service }) => service)
  return { entries: newest, silent, next: cursors.join(',') || null, isFirst: after === '' }
}

/** Of a service none of whose entries was new enough for this page: in front of its newest. */
const firstPage = (list: List<AuditEntry> | undefined): number | undefined => list?.items[0] && list.items[0].id + 1

export const audit = ({ entries, silent, next, isFirst }: Audit, now: number): Html => html`
${silent.length > 0 && html`<p class="notice bad">${silent.join(', ')} did not answer: what was done there is missing here.</p>`}
${entries.length === 0 ? nothing('Nobody has done anything yet.') : html`<ol class="entries">${entries.map((entry) => entryOf(entry, now))}</ol>`}
${pager('/audit', '', next, isFirst)}`

/** An order, or what else was acted on: `@job:7`, `@inbox`, `@effects:charge`, `@order-events:3`. */
function thing(service: ServiceName, key: string): Html {
  const [, job] = /^@job:(\d+)$/.exec(key) ?? []
  if (job !== undefined) return html`<a href="${pathOf('jobs', service, job)}">job ${job}</a>`
  return key.startsWith('@') ? html`<code>${key}</code>` : html`<a href="${pathOf('orders', key)}">${key}</a>`
}

const entryOf = (
  { service, at, operator, action, key, event, reason, before, after }: Of<AuditEntry>,
  now: number,
): Html => html`
<li><p>${badge('plain', action)} <b>${service}</b> ${thing(service, key)} by <b>${operator}</b></p>
<p class="since">${when(at, now)}</p>${reason !== null && html`<p class="detail">${reason}</p>`}
<details><summary>Before and after</summary>${event !== null && html`<p>event ${event}</p>`}${lines({ before, after })}</details></li>`
