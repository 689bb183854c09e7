// Redrives the keys of the job that runs, a few side by side, by the redrive of one key. Any instance that is up does it,
// and takes the job on when its runner has not been heard of for 5 s. What was tried and not yet counted when a runner was
// killed is tried once more, which changes nothing of what is applied.
import { sleep } from '@inorder/storage/retry.ts'
import { transaction } from '@inorder/storage/transaction.ts'
import { WokenLoop } from '@inorder/storage/woken-loop.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import { parsePlace } from '../kafka/event.ts'
import type { Refused } from '../outbox/ops.ts'
import { nextOf } from './job-steps.ts'
import {
  addAttempt,
  endJob,
  keysToTry,
  leaseJob,
  type Outcome,
  type StoredJob,
  saveOutcomes,
  selectKeys,
} from './job-store.ts'
import type { Redrive, Redriven } from './ops.ts'
import { isInboxPaused } from './pauses.ts'

const pollMs = 1_000
/** A key whose redrive ends so often with an error that is no outage of the database is left as failed. */
const mostAttempts = 3

export interface JobRunnerOptions {
  pool: Pool
  instance: string
  logger: Logger
  redrive(key: string, redrive: Redrive): Promise<Redriven | Refused>
}

export class JobRunner {
  readonly #options: JobRunnerOptions
  readonly #closing = new AbortController()
  readonly #loop = new WokenLoop(pollMs, () => this.#look())
  /** `performance.now()` before which the rate allows no more. */
  #notBefore = 0

  constructor(options: JobRunnerOptions) {
    this.#options = options
  }

  start(): void {
    this.#loop.start()
  }

  wake(): void {
    this.#loop.wake()
  }

  /** Resolves when the keys under way are done with. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#loop.close()
  }

  async #look(): Promise<void> {
    try {
      while (await this.#round());
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'the database did not answer about jobs, and is asked again')
    }
  }

  /** False: there is nothing to do now. */
  async #round(): Promise<boolean> {
    const { pool, instance, logger } = this.#options
    const waitMs = this.#notBefore - performance.now()
    if (waitMs > 0) await sleep(waitMs, this.#closing.signal)
    if (this.#closing.signal.aborted) return false
    const job = await leaseJob(pool, instance)
    if (!job) return false

    const next = nextOf(job)
    if (next === 'select') return (await transaction(pool, (tx) => selectKeys(tx, job))) !== undefined
    if (next === 'done' || next === 'stopped') {
      const ended = await endJob(pool, job.id, next)
      if (ended)
        logger.info({ job: job.id, tried: job.tried, failed: job.failed }, `a job is ${next}: see GET /ops/jobs/{id}`)
      return false
    }
    const keys = await keysToTry(pool, job.id, next.keys)
    if (job.ratePerSecond !== null) this.#notBefore = performance.now() + (1_000 * keys.length) / job.ratePerSecond
    const outcomes = await Promise.all(keys.map((key) => this.#try(job, key)))
    const known = outcomes.filter((outcome) => outcome !== undefined)
    if (known.length > 0) await saveOutcomes(pool, job.id, known)
    return known.length > 0 && known.length === keys.length
  }

  /** Undefined: it is to be tried again. */
  async #try({ id, by, dryRun }: StoredJob, key: string): Promise<Outcome | undefined> {
    const { pool, logger, redrive } = this.#options
    try {
      const answer = await redrive(key, { operator: by, dryRun })
      if (!('refused' in answer)) return { key, failure: await this.#failureOf(answer) }
      // Its live traffic has healed it, somebody else has, or this job before its runner was killed.
      if (answer.refused === 'nothing-parked') return { key, failure: undefined }
      // A key that is paused holds the others up no more than one that fails; while the inbox is paused, all wait.
      const isPausedKey = answer.refused === 'paused' && !(await isInboxPaused(pool))
      if (answer.refused === 'record-gone' || isPausedKey)
        return { key, failure: { key, cause: answer.refused, detail: answer.detail } }
      logger.warn({ job: id, key, cause: answer.refused }, `a job waits and tries its key again: ${answer.detail}`)
      return undefined
    } catch (error) {
      // Where the database does not answer nothing is counted.
      const attempts = await addAttempt(pool, id, key).catch(() => 0)
      logger.warn({ job: id, key, attempts, err: error }, 'a job could not redrive a key: it stays parked')
      if (attempts < mostAttempts) return undefined
      const detail = error instanceof Error ? error.message : String(error)
      return { key, failure: { key, cause: 'redrive-failed', detail } }
    }
  }

  /** What still holds the key up. */
  async #failureOf({ key, stoppedAt, events }: Redriven): Promise<Outcome['failure']> {
    const place = stoppedAt === undefined ? undefined : parsePlace(stoppedAt)
    if (!place) return undefined
    const foreseen = events?.find(({ event }) => event === stoppedAt)
    if (foreseen) return { key, cause: foreseen.cause ?? '', detail: foreseen.detail ?? '' }
    const { rows } = await this.#options.pool.query<{ cause: string; detail: string }>(
      'SELECT cause, detail FROM parked WHERE key = $1 AND topic_id = $2 AND partition = $3 AND record_offset = $4',
      [key, place.topicId, place.partition, place.offset],
    )
    // Gone in the meantime: then its live traffic has healed it.
    return rows[0] && { key, ...rows[0] }
  }
}
