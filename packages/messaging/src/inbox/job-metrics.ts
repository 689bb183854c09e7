import type { Pool } from 'pg'
import type { Registry } from 'prom-client'
import { storedGauges } from '../outbox/stored-gauges.ts'
import { listJobs } from './job-store.ts'

/** Of the newest job: those before it are history, and there may be any number of them. */
export function jobMetrics(registry: Registry, pool: Pool): void {
  storedGauges(registry, () => listJobs(pool, 1), [
    {
      name: 'inorder_job_state',
      help: '1: the newest job is in this state (running, stopped, cancelled, done); nothing before the first job',
      labelNames: ['state'],
      of: (jobs) => jobs.map(({ state }) => ({ labels: { state }, value: 1 })),
    },
    {
      name: 'inorder_job_keys',
      help: 'Keys of the newest job by what came of them: applied, failed (still held), remaining (not tried yet)',
      labelNames: ['outcome'],
      of: (jobs) =>
        jobs.flatMap(({ total, tried, failed }) => [
          { labels: { outcome: 'applied' }, value: tried - failed },
          { labels: { outcome: 'failed' }, value: failed },
          { labels: { outcome: 'remaining' }, value: total - tried },
        ]),
    },
  ])
}
