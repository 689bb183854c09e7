// What every page says of the whole: what is paused, and which job runs.
import { pathOf } from '@inorder/contracts/paths.ts'
import { consumers, type ServiceName } from '@inorder/contracts/service-names.ts'
import type { Job } from '@inorder/messaging/inbox/ops.ts'
import type { Pause } from '@inorder/messaging/inbox/pause.ts'
import type { Of, Viewer } from '../viewer.ts'
import { act } from './act.ts'
import { type Html, html } from './html.ts'
import { figure } from './parts.ts'
import { when } from './time.ts'

export interface Surroundings {
  pauses: Of<Pause>[]
  /** Those that run. */
  jobs: Of<Job>[]
  /** Consumers that did not tell. */
  silent: ServiceName[]
}

/** As the pages that list jobs ask for them too. */
export const newestJobs = '/ops/jobs?limit=10'

export async function surroundingsOf(viewer: Viewer): Promise<Surroundings> {
  const [pauses, jobs] = await Promise.all([
    viewer.lists<Pause>(consumers, '/ops/pauses?limit=20'),
    viewer.lists<Job>(consumers, newestJobs),
  ])
  return { pauses: pauses.items, jobs: jobs.items.filter(({ state }) => state === 'running'), silent: pauses.silent }
}

export const notices = ({ pauses, jobs, silent }: Surroundings, now: number): Html => html`
${silent.length > 0 && html`<p class="notice bad"><b>${silent.join(', ')}</b> ${silent.length > 1 ? 'do' : 'does'} not answer: what these pages say leaves it out.</p>`}
${pauses.map((pause) => html`<div class="notice wait"><p><b>${pause.service}</b>: ${pausedThing(pause)} paused by ${pause.operator}, ${when(pause.since, now)}${pause.until && html`, until ${when(pause.until, now)}`}${pause.reason && html`: ${pause.reason}`}</p> ${act('resume', pause, 'Resume')}</div>`)}
${jobs.map((job) => html`<p class="notice"><b>${job.service}</b>: <a href="${pathOf('jobs', job.service, job.id)}">job ${job.id}</a> ${job.dryRun ? 'tries' : 'redrives'} ${figure(job.total)} orders <progress value="${job.tried}" max="${Math.max(job.total, 1)}" aria-label="Job ${job.id} of ${job.service}"></progress> ${figure(job.tried)} of ${figure(job.total)}</p>`)}`

function pausedThing({ what, kind, key }: Pause): Html {
  if (what === 'key') return html`the order <a href="${pathOf('orders', key ?? '')}">${key}</a> is`
  return what === 'effects' ? html`${kind ?? 'all slow'} effects are` : html`the inbox is`
}
