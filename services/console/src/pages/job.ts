import { pathOf, queryOf } from '@inorder/contracts/paths.ts'
import type { Job } from '@inorder/messaging/inbox/ops.ts'
import type { Of } from '../viewer.ts'
import { act } from './act.ts'
import { type Html, html } from './html.ts'
import { jobTones } from './parked.ts'
import { badge, figure, nothing, table } from './parts.ts'
import { when } from './time.ts'

export const job = (job: Of<Job>, now: number): Html => html`<div id="job" data-live>${progress(job, now)}</div>
<p class="also"><a href="/parked">All that is parked, and all jobs</a></p>`

function progress(
  { service, id, state, by, filter, dryRun, canary, total, tried, applied, failed, remaining, ...job }: Of<Job>,
  now: number,
): Html {
  const { cause, detail, keys } = filter
  return html`
<p>${badge(jobTones[state], state)} ${dryRun && badge('plain', 'dry run: nothing is changed')} ${canary && badge('plain', 'canary')}</p>
<p class="progress"><progress value="${tried}" max="${Math.max(total, 1)}" aria-label="Orders tried"></progress> <b>${figure(tried)}</b> of ${figure(total)} tried</p>
<dl class="facts"><dt>${dryRun ? 'Would be applied' : 'Applied'}</dt><dd>${figure(applied)}</dd><dt>${dryRun ? 'Would stay held' : 'Still held'}</dt><dd>${figure(failed)}</dd><dt>Not tried</dt><dd>${figure(remaining)}</dd>
<dt>Orders</dt><dd>${cause ? html`<a href="${pathOf('parked', service)}${queryOf({ cause })}">${cause}</a>` : 'of every cause'}${detail && html`: ${detail}`}${keys && html`, ${keys.length} named`}</dd>
<dt>By</dt><dd>${by}</dd><dt>Started</dt><dd>${when(job.startedAt, now)}</dd><dt>${state === 'running' ? 'Last step' : 'Ended'}</dt><dd>${when(job.updatedAt, now)}</dd></dl>
${job.stoppedAt && html`<section><h2>It stopped here</h2>${table('The order at which the job stopped', ['order', 'cause', 'detail'], [[html`<a href="${pathOf('orders', job.stoppedAt.key)}">${job.stoppedAt.key}</a>`, job.stoppedAt.cause, html`<span class="long">${job.stoppedAt.detail}</span>`]])}</section>`}
<div class="acts">${state === 'running' && act('job-cancel', { service, id }, 'Cancel')} ${(state === 'stopped' || state === 'cancelled') && act('job-continue', { service, id }, 'Go on with the rest')}</div>
${state === 'done' && total === 0 && nothing('No order was held up by this any more.')}`
}
