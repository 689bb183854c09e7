// What an operator sees of the effects, and what they may do to those that are parked, or fail and are tried again.

import { type Tx, transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import { addAudit, discardAnswer } from '../inbox/audit.ts'
import type { List } from '../outbox/ops.ts'
import type { EffectQuery, HeldEffect, ReleasedAll, ShownEffect } from './ops.ts'
import { lockKeys, removing } from './store.ts'

interface Row {
  key: string
  effect: string
  kind: string
  version: string
  state: string
  attempts: number
  cause: string | null
  detail: string | null
  created_at: Date
  failing_since: Date | null
  parked_at: Date | null
}

const id = `event_id || ':' || n`
// Its lease makes an attempt's end certain: what was running then may be claimed by anybody.
const columns = `key, ${id} AS effect, kind, version, attempts, cause, detail, created_at, failing_since, parked_at,
  CASE WHEN parked_at IS NOT NULL THEN 'parked' WHEN due_at IS NULL THEN 'behind'
    WHEN running AND due_at > now() THEN 'running' WHEN failing_since IS NOT NULL THEN 'again' ELSE 'due' END AS state`

const shown = ({ key: _, version, created_at, failing_since, parked_at, ...row }: Row): ShownEffect => ({
  ...row,
  version: Number(version),
  createdAt: created_at.toISOString(),
  failingSince: failing_since?.toISOString() ?? null,
  parkedAt: parked_at?.toISOString() ?? null,
})

/** Of one key, in the order in which they are done. */
export async function effectsOf(db: Tx, key: string): Promise<ShownEffect[]> {
  const { rows } = await db.query<Row>(`SELECT ${columns} FROM effect WHERE key = $1 ORDER BY effect.version, n`, [key])
  return rows.map(shown)
}

export async function heldEffects(db: Tx, { state, cause, limit, after }: EffectQuery): Promise<List<HeldEffect>> {
  const { rows } = await db.query<Row & { behind: string }>(
    `SELECT ${columns}, (SELECT count(*) - 1 FROM effect AS all_of WHERE all_of.key = effect.key) AS behind
     FROM effect WHERE key > $1 AND ($2::text IS NULL OR cause = $2)
       AND ${state === 'parked' ? 'parked_at IS NOT NULL' : 'failing_since IS NOT NULL AND parked_at IS NULL'}
     ORDER BY key LIMIT $3`,
    [after ?? '', cause ?? null, limit + 1],
  )
  const items = rows
    .slice(0, limit)
    .map(({ behind, ...row }) => ({ key: row.key, ...shown(row), behind: Number(behind) }))
  return { items, next: rows.length > limit ? (items.at(-1)?.key ?? null) : null }
}

export async function storedEffects(db: Tx): Promise<{ waiting: number; failing: number; parked: number }> {
  const { rows } = await db.query<{ waiting: string; failing: string; parked: string }>(
    `SELECT (SELECT count(*) FROM (SELECT FROM effect LIMIT 100000) AS counted) AS waiting,
       (SELECT count(*) FROM effect WHERE failing_since IS NOT NULL AND parked_at IS NULL) AS failing,
       (SELECT count(*) FROM effect WHERE parked_at IS NOT NULL) AS parked`,
  )
  const [row] = rows
  return { waiting: Number(row?.waiting), failing: Number(row?.failing), parked: Number(row?.parked) }
}

export interface Action {
  operator: string
  /** Why it is given up; undefined: it is tried again. */
  reason?: string | undefined
}

/**
 * Lets the key's parked or failing effect be tried now, or removes `effect` and lets the next one start; audited like
 * what is done to parked events. Gives its id; 'before' when it was discarded by an earlier request, undefined: there is
 * none. The result of an attempt that is under way finds that it is late.
 */
export const release = (pool: Pool, key: string, action: Action, effect?: string): Promise<string | undefined> =>
  transaction(pool, async (tx) => {
    const versions = await lockKeys(tx, [key])
    const [held] = await lockHeld(tx, [key])
    if (held && (effect === undefined || held.effect === effect)) {
      await releaseLocked(tx, versions, [held], action)
      return held.effect
    }
    return effect !== undefined && (await discardAnswer(tx, key, effect)) ? 'before' : undefined
  })

/** So many keys are locked at once. */
const together = 100

/** Every key that this cause holds up. One transaction for some keys; those of one that fails have an error. */
export async function releaseAll(pool: Pool, cause: string, action: Action, dryRun: boolean): Promise<ReleasedAll> {
  const { rows } = await pool.query<Row>(
    `SELECT ${columns} FROM effect WHERE cause = $1 AND failing_since IS NOT NULL ORDER BY key`,
    [cause],
  )
  const items: ReleasedAll['items'] = []
  for (let from = 0; from < rows.length; from += together) {
    const some = rows.slice(from, from + together)
    try {
      items.push(...(dryRun ? some : await releaseSome(pool, some, cause, action)).map(released))
    } catch (error) {
      items.push(...some.map((row) => ({ ...released(row), error: (error as Error).message })))
    }
  }
  const failed = items.filter(({ error }) => error !== undefined).length
  return { items, next: null, totals: { keys: items.length, released: items.length - failed, failed } }
}

const releaseSome = (pool: Pool, rows: readonly Row[], cause: string, action: Action): Promise<Row[]> =>
  transaction(pool, async (tx) => {
    const keys = rows.map(({ key }) => key)
    const versions = await lockKeys(tx, keys)
    // In the meantime some may have been done, or fail with another cause.
    const held = (await lockHeld(tx, keys)).filter((row) => row.cause === cause)
    await releaseLocked(tx, versions, held, action)
    return held
  })

const released = ({ key, effect, kind, state, detail }: Row) => ({ key, effect, kind, state, detail })

/** The keys are locked. An effect that only has an attempt behind it that nobody has heard of yet is not held up. */
const lockHeld = async (tx: Tx, keys: readonly string[]): Promise<Row[]> =>
  (
    await tx.query<Row>(
      `SELECT ${columns} FROM effect WHERE key = ANY($1::text[]) AND failing_since IS NOT NULL
       ORDER BY key FOR UPDATE`,
      [keys],
    )
  ).rows

async function releaseLocked(
  tx: Tx,
  versions: ReadonlyMap<string, number>,
  held: readonly Row[],
  { operator, reason }: Action,
): Promise<void> {
  const these = 'key = ANY($1::text[]) AND failing_since IS NOT NULL'
  const keys = held.map(({ key }) => key)
  if (reason !== undefined)
    await tx.query(removing(`DELETE FROM effect WHERE ${these} RETURNING key, version, n`, 'n'), [keys])
  else {
    await tx.query(
      `UPDATE effect SET parked_at = NULL, failing_since = NULL, cause = NULL, detail = NULL,
         due_at = CASE WHEN running AND due_at > now() THEN due_at ELSE now() END WHERE ${these}`,
      [keys],
    )
  }
  for (const row of held) {
    const { key, effect: event } = row
    const appliedVersion = versions.get(key) ?? 0
    const { state, cause, detail, version, failingSince, parkedAt, attempts } = shown(row)
    const since = parkedAt ?? failingSince ?? row.created_at.toISOString()
    const before = { event, state, cause: cause ?? '', detail: detail ?? '', version, parkedAt: since, attempts }
    await addAudit(
      tx,
      { key, operator, ...(reason !== undefined && { discard: { event, reason } }) },
      { appliedVersion, parked: 1, event: before },
      { appliedVersion, parked: 0, event: null },
      { key, applied: 0, remaining: 0 },
    )
  }
}
