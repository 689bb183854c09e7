// Redrives of many keys as jobs that are stored, as an operator sees them. Nothing is redriven in a request.
import { sqlState } from '@inorder/storage/sqlstate.ts'
import { type Tx, transaction } from '@inorder/storage/transaction.ts'
import { addAudit } from '../outbox/audit.ts'
import { type List, listOf, type Refused } from '../outbox/ops.ts'
import { JobRunner, type JobRunnerOptions } from './job-runner.ts'
import {
  addJob,
  cancelJob,
  continueJob,
  findJob,
  listJobs,
  lockJob,
  runningJob,
  type StoredJob,
  selectKeys,
} from './job-store.ts'
import type { Job, JobRequest } from './ops.ts'

export type JobOps = Pick<Jobs, 'add' | 'list' | 'of' | 'cancel' | 'continue'>

export class Jobs {
  readonly #options: JobRunnerOptions
  readonly runner: JobRunner

  constructor(options: JobRunnerOptions) {
    this.#options = options
    this.runner = new JobRunner(options)
  }

  async add(request: JobRequest): Promise<Job | Refused> {
    const { pool, logger } = this.#options
    return this.#unlessOneRuns(async () => {
      const job = await transaction(pool, async (tx) => {
        const id = await addJob(tx, request)
        return (await selectKeys(tx, { id, filter: request.filter }))!
      })
      const { keys, ...filter } = request.filter
      const first = keys && { keys: keys.length, firstKeys: keys.slice(0, 10) }
      logger.info({ job: job.id, ...request, filter: { ...filter, ...first }, total: job.total }, 'a job begins')
      return job
    })
  }

  /** The newest first, without the keys of their filters. */
  async list({ limit, after }: { limit: number; after?: number }): Promise<List<Job>> {
    const jobs = await listJobs(this.#options.pool, limit + 1, after)
    return listOf(jobs.map(shown), limit, ({ id }) => String(id))
  }

  async of(id: number): Promise<Job | undefined> {
    const job = await findJob(this.#options.pool, id)
    return job && shown(job)
  }

  /** The keys under way are done with; no other is begun. One that has ended stays as it is. */
  async cancel(id: number, operator: string): Promise<Job | undefined> {
    const job = await this.#change('cancel', ['running', 'stopped'], cancelJob, id, operator)
    return job && shown(job)
  }

  /** With the keys that it has not tried. One that runs, or is done, stays as it is. */
  async continue(id: number, operator: string): Promise<Job | Refused | undefined> {
    if (!(await this.of(id))) return undefined
    return this.#unlessOneRuns(
      async () => (await this.#change('continue', ['stopped', 'cancelled'], continueJob, id, operator))!,
    )
  }

  /** Of a job that is in one of these states, and in the audit; another one stays as it is. */
  async #change(
    what: 'cancel' | 'continue',
    from: readonly Job['state'][],
    change: (tx: Tx, id: number) => Promise<StoredJob | undefined>,
    id: number,
    operator: string,
  ): Promise<StoredJob | undefined> {
    const { pool, logger } = this.#options
    const { before, after } = await transaction(pool, async (tx) => {
      const before = await lockJob(tx, id)
      if (!before || !from.includes(before.state)) return { before, after: undefined }
      const after = (await change(tx, id))!
      const act = {
        operator,
        action: `job-${what}`,
        key: `@job:${id}`,
        before: standing(before),
        after: standing(after),
      }
      await addAudit(tx, 'parking_audit', [{ ...act, answer: {} }])
      return { before, after }
    })
    if (after) logger.info({ job: id, operator }, `a job was ${what === 'cancel' ? 'cancelled' : 'continued'}`)
    return after ?? before
  }

  /** Of two that come at once the index of the running job lets one through. */
  async #unlessOneRuns(begin: () => Promise<StoredJob>): Promise<Job | Refused> {
    try {
      const job = await begin()
      this.runner.wake()
      return shown(job)
    } catch (error) {
      if (sqlState(error) !== '23505') throw error
      const running = await runningJob(this.#options.pool)
      const which = running ? `Job ${running.id} runs: GET /ops/jobs/${running.id}` : 'Another job ran a moment ago'
      return { refused: 'job-running', detail: `${which}. One runs at a time: wait until it has ended, or cancel it.` }
    }
  }
}

/** As the audit has it: not the filter, which may name thousands of keys. */
const standing = ({ state, total, tried, failed }: StoredJob) => ({ job: { state, total, tried, failed } })

const shown = ({ id, state, by, filter, dryRun, canary, ratePerSecond, stopAfter, ...job }: StoredJob): Job => ({
  id,
  type: 'redrive',
  state,
  by,
  filter,
  dryRun,
  canary,
  ...(ratePerSecond !== null && { ratePerSecond }),
  ...(stopAfter !== null && { stopAfterFailures: stopAfter }),
  total: job.total,
  tried: job.tried,
  applied: job.tried - job.failed,
  failed: job.failed,
  remaining: job.total - job.tried,
  ...(state === 'stopped' && job.lastFailure && { stoppedAt: job.lastFailure }),
  startedAt: job.startedAt.toISOString(),
  updatedAt: job.updatedAt.toISOString(),
})
