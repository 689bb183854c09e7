import type { Tx } from '@inorder/storage/transaction.ts'
import type { JobProgress } from './job-steps.ts'
import type { Job, JobFailure, JobRequest } from './ops.ts'
import { shownDetail } from './parked-groups.ts'

/** A job as whoever runs it has it. */
export interface StoredJob extends JobProgress {
  readonly id: number
  readonly state: Job['state']
  readonly by: string
  readonly filter: Job['filter']
  readonly dryRun: boolean
  readonly lastFailure: JobFailure | null
  readonly startedAt: Date
  readonly updatedAt: Date
}

const columnsWith = (
  filter: string,
) => `job.id::float8, job.state, job.operator AS by, ${filter} AS filter, job.dry_run AS "dryRun", job.canary,
  job.rate_per_second AS "ratePerSecond", job.stop_after AS "stopAfter", job.selected_to IS NULL AS "isSelected",
  job.total, job.tried, job.failed, job.tried_before AS "triedBefore", job.failed_before AS "failedBefore",
  job.last_failure AS "lastFailure", job.started_at AS "startedAt", job.updated_at AS "updatedAt"`
const columns = columnsWith('job.filter')

const jobsOf = async (db: Tx, text: string, values: unknown[]): Promise<StoredJob[]> =>
  (await db.query<StoredJob>(text, values)).rows

const jobOf = async (db: Tx, text: string, values: unknown[]) => (await jobsOf(db, text, values))[0]

export const addJob = async (tx: Tx, { filter, ...job }: JobRequest): Promise<number> => {
  const { operator, dryRun = false, canary = false, ratePerSecond, stopAfterFailures } = job
  const { rows } = await tx.query<{ id: number }>(
    `INSERT INTO job (operator, filter, dry_run, canary, rate_per_second, stop_after)
     VALUES ($1, $2, $3, $4, $5, $6) RETURNING id::float8`,
    [operator, filter, dryRun, canary, ratePerSecond, stopAfterFailures],
  )
  return rows[0]!.id
}

/** Events that one transaction looks at. Their keys, not so many different ones: those would be found by a look at all of them. */
const mostSelected = 10_000

const select = `
WITH asked AS MATERIALIZED (
  SELECT id, selected_to FROM job WHERE id = $1 AND selected_to IS NOT NULL FOR UPDATE
), piece AS MATERIALIZED (
  SELECT key FROM parked
  WHERE key > (SELECT selected_to FROM asked) AND state <> 'behind' AND ($2::text IS NULL OR cause = $2)
    AND ($3::text IS NULL OR ${shownDetail('detail')} = ${shownDetail('$3')}) AND ($4::text[] IS NULL OR key = ANY ($4))
  ORDER BY key LIMIT ${mostSelected}
), added AS (
  INSERT INTO job_key (job, key) SELECT DISTINCT $1::bigint, key FROM piece
)
UPDATE job SET total = total + keys, selected_to = CASE WHEN events = ${mostSelected} THEN last_key END, updated_at = now()
FROM (SELECT count(DISTINCT key)::int AS keys, count(*) AS events, max(key) AS last_key FROM piece) AS found, asked
WHERE job.id = asked.id RETURNING ${columns}`

/** Notes the next keys that it is about. */
export async function selectKeys(tx: Tx, { id, filter }: Pick<StoredJob, 'id' | 'filter'>) {
  const { cause = null, detail = null, keys = null } = filter
  // Where nobody has analysed the table it would sort all events of a cause, a million of them for seconds.
  if (detail === null) await tx.query('SET LOCAL enable_sort = off')
  return jobOf(tx, select, [id, cause, detail, keys])
}

export const findJob = (db: Tx, id: number) => jobOf(db, `SELECT ${columns} FROM job WHERE id = $1`, [id])

export const runningJob = (db: Tx) => jobOf(db, `SELECT ${columns} FROM job WHERE state = 'running'`, [])

/** Without the keys of their filters: a page could hold ten million of them. */
const listed = columnsWith(`job.filter - 'keys'`)

/** The newest first. */
export const listJobs = (db: Tx, limit: number, before?: number) =>
  jobsOf(db, `SELECT ${listed} FROM job WHERE $2::bigint IS NULL OR id < $2 ORDER BY id DESC LIMIT $1`, [
    limit,
    before ?? null,
  ])

/** Where there is one: no other session changes it before this transaction has ended. */
export const lockJob = (tx: Tx, id: number) => jobOf(tx, `SELECT ${columns} FROM job WHERE id = $1 FOR UPDATE`, [id])

export const cancelJob = (db: Tx, id: number) =>
  jobOf(db, `UPDATE job SET state = 'cancelled', updated_at = now() WHERE id = $1 RETURNING ${columns}`, [id])

export const continueJob = (db: Tx, id: number) =>
  jobOf(
    db,
    `UPDATE job SET state = 'running', tried_before = tried, failed_before = failed, last_failure = NULL,
       leased_until = '-infinity', updated_at = now()
     WHERE id = $1 RETURNING ${columns}`,
    [id],
  )

/** The job that runs, leased by this instance for 5 s; undefined: there is none, or another has it. */
export const leaseJob = (db: Tx, instance: string) =>
  jobOf(
    db,
    `UPDATE job SET runner = $1, leased_until = now() + interval '5 s'
     WHERE state = 'running' AND (runner = $1 OR leased_until < now()) RETURNING ${columns}`,
    [instance],
  )

export async function keysToTry(db: Tx, id: number, limit: number): Promise<string[]> {
  // From the last on: a batch locks its keys from the first on, so the two meet once.
  const { rows } = await db.query<{ key: string }>(
    'SELECT key FROM job_key WHERE job = $1 ORDER BY key DESC LIMIT $2',
    [id, limit],
  )
  return rows.map(({ key }) => key)
}

/** Gives how many there were by now. */
export async function addAttempt(db: Tx, id: number, key: string): Promise<number> {
  const { rows } = await db.query<{ attempts: number }>(
    'UPDATE job_key SET attempts = attempts + 1 WHERE job = $1 AND key = $2 RETURNING attempts',
    [id, key],
  )
  return rows[0]?.attempts ?? 0
}

export interface Outcome {
  readonly key: string
  /** Undefined: nothing holds the key up any more. */
  readonly failure: JobFailure | undefined
}

/** Counts what has not been counted yet, of a job that may have ended meanwhile. */
export const saveOutcomes = (db: Tx, id: number, outcomes: readonly Outcome[]) =>
  db.query(
    `WITH counted AS (
       DELETE FROM job_key AS k USING unnest($2::text[], $3::boolean[]) AS o (key, failed)
       WHERE k.job = $1 AND k.key = o.key RETURNING failed
     )
     UPDATE job SET tried = tried + (SELECT count(*) FROM counted), failed = failed + (SELECT count(*) FROM counted WHERE failed),
       last_failure = coalesce($4, last_failure), updated_at = now()
     WHERE id = $1`,
    [
      id,
      outcomes.map(({ key }) => key),
      outcomes.map(({ failure }) => failure !== undefined),
      outcomes.findLast(({ failure }) => failure)?.failure ?? null,
    ],
  )

export const endJob = (db: Tx, id: number, state: 'done' | 'stopped') =>
  jobOf(db, `UPDATE job SET state = $2, updated_at = now() WHERE id = $1 AND state = 'running' RETURNING ${columns}`, [
    id,
    state,
  ])
