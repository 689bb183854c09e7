// Redrives of many orders, which go on by themselves.

import { setTimeout as pause } from 'node:timers/promises'
import { consumers, type Service } from '../addresses.ts'
import { type Add, serviceOption } from '../command.ts'
import type { Context } from '../context.ts'
import { type ExitCode, exitCodes, Failure } from '../failure.ts'
import { ofEach } from '../services.ts'
import { age, shown, table, when } from '../text.ts'

export interface Job {
  id: number
  state: 'running' | 'stopped' | 'cancelled' | 'done'
  by: string
  filter: { cause?: string; detail?: string }
  dryRun: boolean
  total: number
  tried: number
  applied: number
  failed: number
  remaining: number
  stoppedAt?: { key: string; cause: string; detail: string }
  startedAt: string
  updatedAt: string
}

export function addJobs(add: Add): void {
  add<{ service?: Service; cancel?: boolean; continue?: boolean }>(
    'jobs [id]',
    'redrives of many orders: all, or one of a service, to be cancelled or continued',
    ['jobs', 'jobs 7 --service=order', 'jobs 7 --service=order --cancel'],
    async (context, [id], { service, ...options }) => {
      if (id === undefined) {
        await listed(context, service ? [service] : consumers)
        return exitCodes.done
      }
      if (!/^\d{1,15}$/.test(id)) throw new Failure(`"${id}" is no number of a job`)
      if (service === undefined) throw new Failure('each service has its own jobs: name it, --service=order')
      const act = options.cancel ? 'cancel' : options.continue ? 'continue' : undefined
      if (act) await context.mayWrite(`${act} job ${id} of ${service}`, service)
      const { body: job } = act
        ? await context.ask<Job>(service, `/ops/jobs/${id}/${act}`, { method: 'POST' })
        : await context.ask<Job>(service, `/ops/jobs/${id}`)
      if (context.json) context.answer(job)
      else context.print(...jobLines(service, job, context))
      return exitOfJob(job)
    },
  )
    .addOption(serviceOption('one service', consumers))
    .option('--cancel', 'begin with no further order')
    .option('--continue', 'go on with the orders that were not tried')
}

async function listed(context: Context, among: readonly Service[]): Promise<void> {
  const found = await ofEach(
    among,
    async (one) => (await context.ask<{ items: Job[] }>(one, '/ops/jobs?limit=20')).body.items,
  )
  const failure = found.find(({ failure }) => failure)?.failure
  const jobs = found.flatMap(({ service, value = [] }) => value.map((job) => ({ service, ...job })))
  if (context.json) context.answer({ items: jobs })
  else if (jobs.length === 0 && !failure) context.print('There are no jobs.')
  else {
    const rows = jobs.map((job) => [
      job.service,
      job.id,
      stateOf(job),
      job.filter.cause ?? 'any',
      job.tried,
      job.total,
      job.failed,
      when(job.startedAt, context.now()),
      job.by,
    ])
    context.print(...table(['SERVICE', 'JOB', 'STATE', 'CAUSE', 'TRIED', 'OF', 'FAILED', 'BEGUN', 'BY'], rows))
  }
  if (failure) throw failure
}

const stateOf = ({ state, dryRun }: Job): string => (dryRun ? `${state} (dry run)` : state)

export const exitOfJob = ({ state, failed }: Job): ExitCode =>
  failed > 0 || state === 'stopped' || state === 'cancelled' ? exitCodes.needsSomeone : exitCodes.done

export function jobLines(service: Service, job: Job, { now, paste }: Context): string[] {
  const { id, tried, total, applied, failed, stoppedAt, startedAt, updatedAt } = job
  return [
    `job ${id} of ${service}: ${stateOf(job)}; ${tried} of ${total} orders tried, ${applied} go on, ${failed} are still held`,
    `  begun ${when(startedAt, now())}, by ${shown(job.by)}; took ${age(Date.parse(updatedAt) - Date.parse(startedAt))}`,
    ...(stoppedAt ? [`  last failure: ${shown(`${stoppedAt.key}: ${stoppedAt.cause}: ${stoppedAt.detail}`)}`] : []),
    ...(job.state === 'stopped'
      ? [`  once its cause is gone: ${paste(`inorder jobs ${id} --service=${service} --continue`)}`]
      : []),
  ]
}

/** Shows how far the job is until it has ended. Ctrl-C ends the looking, not the job. */
export async function followed(context: Context, service: Service, begun: Job): Promise<Job> {
  let job = begun
  while (job.state === 'running' && !context.signal.aborted) {
    context.progress(`job ${job.id} of ${service}: ${job.tried} of ${job.total} orders tried, ${job.failed} failed`)
    await pause(500, undefined, { signal: context.signal }).catch(() => {})
    if (!context.signal.aborted) job = (await context.ask<Job>(service, `/ops/jobs/${job.id}`)).body
  }
  context.progress('')
  return job
}
