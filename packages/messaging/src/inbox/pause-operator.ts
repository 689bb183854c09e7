// Rule 25: an operator pauses the inbox, a key, or effects, and resumes them.
import { retry } from '@inorder/storage/retry.ts'
import { isLockTimeout } from '@inorder/storage/sqlstate.ts'
import { type Tx, transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import { addAudit } from '../outbox/audit.ts'
import { type List, listOf } from '../outbox/ops.ts'
import { pausedCause } from './key-state.ts'
import { named, type Pause, type PauseRow, type PauseTarget, shownPause } from './pause.ts'
import { inForce } from './pauses.ts'
import { lockRows } from './store.ts'

/** While we wait for batches under way, the next ones wait behind us: not for long where one of them hangs. */
const lockTimeoutMs = 1_000
const backoff = { firstMs: 100, longestMs: 1_000, deadlineMs: 20_000 }
const mostAtOnce = 1_000

/** As the audit has it in the place of a key. */
const auditedAs = ({ what, name }: PauseTarget) =>
  what === 'key' ? name : name === '' ? `@${what}` : `@${what}:${name}`

/** Of a row, as a cursor of the list. */
const cursor = `what || ' ' || name COLLATE "C"`

interface PauseOperatorOptions {
  pool: Pool
  logger: Logger
  /** Resumes what has passed. */
  instance: string
}

interface By {
  operator: string
  reason?: string | null | undefined
}

export type PauseOps = Pick<PauseOperator, 'list' | 'pause' | 'resume'>

export class PauseOperator {
  readonly #options: PauseOperatorOptions

  constructor(options: PauseOperatorOptions) {
    this.#options = options
  }

  /** What is paused now. */
  async list({ limit, after }: { limit: number; after?: string }): Promise<List<Pause>> {
    const { rows } = await this.#options.pool.query<PauseRow & { cursor: string }>(
      `SELECT *, ${cursor} AS cursor FROM paused WHERE ${inForce} AND ${cursor} > $1 ORDER BY ${cursor} LIMIT $2`,
      [after ?? '', limit + 1],
    )
    const { items, next } = listOf(rows, limit, (row) => row.cursor)
    return { items: items.map(({ cursor: _, ...row }) => shownPause(row)), next }
  }

  /**
   * When it resolves nothing that is paused goes on in any instance, until it is resumed or `until` is over; undefined:
   * `until` is over already. The same again changes nothing.
   */
  async pause(
    target: PauseTarget,
    { operator, until = null, reason = null }: By & { until?: string | null | undefined },
  ): Promise<Pause | undefined> {
    const { what, name } = target
    const { before, now } = await this.#alone(async (tx) => {
      const place = [what, name]
      const { rows: found } = await tx.query<PauseRow>(
        `SELECT * FROM paused WHERE what = $1 AND name = $2 AND ${inForce}`,
        place,
      )
      const before = found[0] && shownPause(found[0])
      const asked = until === null ? null : new Date(until).toISOString()
      if (before?.until === asked && before?.reason === reason) return { before, now: before }
      const { rows } = await tx.query<PauseRow>(
        `INSERT INTO paused (what, name, since, until, reason, operator)
         SELECT $1, $2, coalesce($6, clock_timestamp()), $3::timestamptz, $4, $5
         WHERE $3::timestamptz IS NULL OR $3::timestamptz > clock_timestamp()
         ON CONFLICT (what, name) DO UPDATE
           SET since = excluded.since, until = excluded.until, reason = excluded.reason, operator = excluded.operator
         RETURNING *`,
        [...place, until, reason, operator, before?.since],
      )
      const now = rows[0] && shownPause(rows[0])
      if (now) await addAudit(tx, 'parking_audit', [audited('pause', target, operator, reason, before, now)])
      return { before, now }
    })
    if (now && now !== before) this.#options.logger.warn(now, 'an operator has paused this: see GET /ops/pauses')
    return now
  }

  /** Where it is not paused nothing is changed. Events that were held for a paused key are applied soon after. */
  async resume(target: PauseTarget, by: By): Promise<void> {
    await this.#end('what = $1 AND name = $2', [target.what, target.name], by)
  }

  /** Resumes what has passed by itself. */
  async endPassed(): Promise<void> {
    const passed = 'until <= now()'
    const { rowCount } = await this.#options.pool.query(`SELECT FROM paused WHERE ${passed} LIMIT 1`)
    if (rowCount === 0) return
    const some = `ctid = ANY(ARRAY(SELECT ctid FROM paused WHERE ${passed} LIMIT $1))`
    await this.#end(some, [mostAtOnce], { operator: this.#options.instance, reason: 'its time is over' })
  }

  async #end(which: string, values: unknown[], { operator, reason = null }: By): Promise<void> {
    const ended = await this.#alone(async (tx) => {
      const { rows } = await tx.query<PauseRow>(`DELETE FROM paused WHERE ${which} RETURNING *`, values)
      // No batch is under way that takes the key for paused: all that was held for it is there, and goes on in steps.
      const keys = rows.flatMap(({ what, name }) => (what === 'key' ? name : []))
      if (keys.length > 0) await goOn(tx, keys)
      const acts = rows.map((row) => audited('resume', row, operator, reason, shownPause(row), undefined))
      await addAudit(tx, 'parking_audit', acts)
      return rows
    })
    for (const row of ended) this.#options.logger.warn({ ...named(row), operator, reason }, 'a pause has ended')
  }

  /** In a transaction beside which no other is that has read what is paused, and acts on it. */
  #alone<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    const once = () =>
      transaction(
        this.#options.pool,
        async (tx) => {
          await tx.query('LOCK TABLE paused IN EXCLUSIVE MODE')
          return work(tx)
        },
        { lockTimeoutMs },
      )
    const onFailure = (error: unknown) => {
      if (!isLockTimeout(error)) throw error
    }
    return retry(once, { ...backoff, onFailure })
  }
}

/** Has what is parked of these keys because they were paused applied in steps, like what is left of a redrive. */
async function goOn(tx: Tx, keys: readonly string[]): Promise<void> {
  await lockRows(tx, keys)
  await tx.query(
    `UPDATE inbox_key SET due = 0 WHERE key = ANY($1::text[]) AND due IS NULL
       AND EXISTS (SELECT FROM parked WHERE parked.key = inbox_key.key AND cause = '${pausedCause}')`,
    [keys],
  )
}

const audited = (
  action: string,
  target: PauseTarget,
  operator: string,
  reason: string | null,
  before: Pause | undefined,
  after: Pause | undefined,
) => ({
  operator,
  action,
  key: auditedAs(target),
  reason: reason ?? undefined,
  before: { pause: before ?? null },
  after: { pause: after ?? null },
  answer: {},
})
