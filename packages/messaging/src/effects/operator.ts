// What an operator sees of the effects, and what they may do to those that are parked, or fail and are tried again. It is
// audited like what is done to parked events.

import { transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import { inForce } from '../inbox/pauses.ts'
import { lockRows } from '../inbox/store.ts'
import { actOnAll, mostInOneCall } from '../outbox/act-on-all.ts'
import { addAudit, discardAnswer } from '../outbox/audit.ts'
import { type List, listOf } from '../outbox/ops.ts'
import type { EffectOfKey, HeldEffect, ReleasedAll, ShownEffect } from './ops.ts'
import { removing } from './store.ts'

type Row = Omit<ShownEffect, 'createdAt' | 'failingSince' | 'parkedAt'> & {
  key: string
  created_at: Date
  failing_since: Date | null
  parked_at: Date | null
}

// Its lease makes an attempt's end certain: what was running then may be claimed by anybody.
const columns = `key, event_id || ':' || n AS effect, kind, version::float8,
  CASE WHEN parked_at IS NOT NULL THEN 'parked' WHEN due_at IS NULL THEN 'behind'
    WHEN running AND due_at > now() THEN 'running' WHEN failing_since IS NOT NULL THEN 'again'
    WHEN EXISTS (SELECT FROM paused WHERE what = 'effects' AND name IN ('', kind) AND ${inForce}) THEN 'paused'
    ELSE 'due' END AS state,
  attempts, cause, detail, created_at, failing_since, parked_at`

const shown = ({ key: _, created_at, failing_since, parked_at, ...row }: Row): ShownEffect => ({
  ...row,
  createdAt: created_at.toISOString(),
  failingSince: failing_since?.toISOString() ?? null,
  parkedAt: parked_at?.toISOString() ?? null,
})

const mostDone = 100

interface Action {
  operator: string
  /** Why it is given up; undefined: it is tried again. */
  reason?: string
}

export type EffectOps = Pick<EffectOperator, keyof EffectOperator>

export class EffectOperator {
  readonly #pool: Pool
  readonly #logger: Logger
  readonly #wake: () => void

  /** `wake`: something may be due. */
  constructor(pool: Pool, logger: Logger, wake: () => void) {
    this.#pool = pool
    this.#logger = logger
    this.#wake = wake
  }

  /** By key; a key has at most one. */
  async list(query: {
    state: 'parked' | 'failing'
    cause?: string
    limit: number
    after?: string
  }): Promise<List<HeldEffect>> {
    const { state, cause, limit, after } = query
    const { rows } = await this.#pool.query<Row & { behind: number }>(
      `SELECT ${columns}, (SELECT count(*)::int - 1 FROM effect AS all_of WHERE all_of.key = effect.key) AS behind
       FROM effect WHERE key > $1 AND ($2::text IS NULL OR cause = $2)
         AND ${state === 'parked' ? 'parked_at IS NOT NULL' : 'failing_since IS NOT NULL AND parked_at IS NULL'}
       ORDER BY key LIMIT $3`,
      [after ?? '', cause, limit + 1],
    )
    const held = rows.map(({ behind, ...row }) => ({ key: row.key, ...shown(row), behind }))
    return listOf(held, limit, ({ key }) => key)
  }

  /** What is to be done yet of a key, in its order. */
  async of(key: string): Promise<ShownEffect[]> {
    const all = `SELECT ${columns} FROM effect WHERE key = $1 ORDER BY effect.version, n`
    return (await this.#pool.query<Row>(all, [key])).rows.map(shown)
  }

  /** What was done for a key, the last 100, and what is to be done yet, in its order. */
  async historyOf(key: string): Promise<EffectOfKey[]> {
    const { rows } = await this.#pool.query<Row & { n: number; done_at: Date | null }>(
      `SELECT ${columns}, n, NULL::timestamptz AS done_at FROM effect WHERE key = $1
       UNION ALL (
         SELECT key, event_id || ':' || n, kind, version::float8, 'done', attempts, NULL, NULL, created_at, NULL, NULL, n, done_at
         FROM effect_done WHERE key = $1 ORDER BY effect_done.version DESC, n DESC LIMIT ${mostDone}
       ) ORDER BY version, n`,
      [key],
    )
    return rows.map(({ n: _, done_at, ...row }) => ({ ...shown(row), doneAt: done_at?.toISOString() ?? null }))
  }

  /** Tries the key's parked or failing effect now, and then those behind it. False: it has none. */
  async redrive(key: string, operator: string): Promise<boolean> {
    const [held] = await release(this.#pool, [key], { operator }, () => true)
    if (!held) return false
    this.#logger.info({ key, effect: held.effect, operator }, 'an effect was redriven')
    this.#wake()
    return true
  }

  /** Gives up this effect, parked or failing; those behind it go on. False: it is neither, nor was it discarded. */
  async discard(key: string, discard: { effect: string; reason: string; operator: string }): Promise<boolean> {
    const { effect } = discard
    const [held] = await release(this.#pool, [key], discard, (row) => row.effect === effect)
    if (!held && !(await discardAnswer(this.#pool, 'parking_audit', key, effect))) return false
    if (held) this.#logger.warn({ key, ...discard }, 'an effect was discarded')
    this.#wake()
    return true
  }

  /** By key, what a parked or failing effect holds up for this cause: 1,000 keys; `after` is the `next` of the call before. */
  async releaseAll(
    cause: string,
    { dryRun, after = '', ...action }: Action & { dryRun: boolean; after?: string },
  ): Promise<ReleasedAll> {
    const { rows } = await this.#pool.query<Row>(
      `SELECT ${columns} FROM effect WHERE cause = $1 AND failing_since IS NOT NULL AND key > $2
       ORDER BY key LIMIT ${mostInOneCall + 1}`,
      [cause, after],
    )
    const { items: found, next } = listOf(rows, mostInOneCall, ({ key }) => key)
    const item = ({ key, effect, kind, state, detail }: Row) => ({ key, effect, kind, state, detail })
    const keysOf = (some: readonly Row[]) => some.map(({ key }) => key)
    // In the meantime some may have been done, or fail with another cause.
    const { items, done, failed } = await actOnAll(found, item, (some) =>
      dryRun ? some : release(this.#pool, keysOf(some), action, (row) => row.cause === cause),
    )
    const totals = { keys: items.length, released: done, failed }
    if (!dryRun) {
      const what = action.reason === undefined ? 'redriven' : 'discarded'
      this.#logger.warn({ cause, ...action, ...totals, next }, `effects with one cause were ${what}`)
      this.#wake()
    }
    return { items, next, totals }
  }
}

/**
 * Of these keys' parked or failing effects lets those that are meant be tried now, or removes them and lets the next ones
 * start; gives them. The result of an attempt that is under way finds that it is late. An effect that only has an attempt
 * behind it that nobody has heard of yet is not held up.
 */
const release = (
  pool: Pool,
  keys: readonly string[],
  { operator, reason }: Action,
  isMeant: (held: Row) => boolean,
): Promise<Row[]> =>
  transaction(pool, async (tx) => {
    const locked = await lockRows(tx, keys)
    const failing = 'key = ANY($1::text[]) AND failing_since IS NOT NULL'
    const { rows } = await tx.query<Row>(`SELECT ${columns} FROM effect WHERE ${failing} ORDER BY key FOR UPDATE`, [
      keys,
    ])
    const held = rows.filter(isMeant)
    const change =
      reason === undefined
        ? `UPDATE effect SET parked_at = NULL, failing_since = NULL, cause = NULL, detail = NULL,
             due_at = CASE WHEN running AND due_at > now() THEN due_at ELSE now() END WHERE ${failing}`
        : removing(`DELETE FROM effect WHERE ${failing} RETURNING key, version, n`, 'n')
    await tx.query(change, [held.map(({ key }) => key)])
    const audited = held.map((row) => {
      const { effect: event, state, cause, detail, version, failingSince, parkedAt, attempts } = shown(row)
      const since = parkedAt ?? failingSince ?? row.created_at.toISOString()
      const before = { event, state, cause: cause ?? '', detail: detail ?? '', version, parkedAt: since, attempts }
      const appliedVersion = locked.get(row.key)?.version ?? 0
      return {
        ...(reason === undefined ? { action: 'redrive' } : { action: 'discard', event, reason }),
        operator,
        key: row.key,
        before: { appliedVersion, parked: 1, event: before },
        after: { appliedVersion, parked: 0, event: null },
        answer: { key: row.key, applied: 0, remaining: 0 },
      }
    })
    await addAudit(tx, 'parking_audit', audited)
    return held
  })
