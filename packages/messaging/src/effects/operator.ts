// What an operator sees of the effects, and what they may do to those that are parked.
import type { ParkedEffect, ShownEffect } from '@inorder/contracts/effects.ts'
import type { List } from '@inorder/contracts/ops.ts'
import { type Tx, transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import { addAudit, discardAnswer } from '../parking/audit.ts'
import { lockOrders, removing } from './store.ts'

interface Row {
  order_id: string
  effect: string
  kind: string
  version: string
  state: string
  attempts: number
  cause: string | null
  detail: string | null
  created_at: Date
  parked_at: Date | null
}

const key = `event_id || ':' || n`
const columns = `order_id, ${key} AS effect, kind, version, attempts, cause, detail, created_at, parked_at,
  CASE WHEN parked_at IS NOT NULL THEN 'parked' WHEN due_at IS NULL THEN 'behind' WHEN cause IS NOT NULL THEN 'again'
    WHEN due_at <= now() THEN 'due' ELSE 'running' END AS state`

const shown = ({ order_id: _, version, created_at, parked_at, ...row }: Row): ShownEffect => ({
  ...row,
  version: Number(version),
  createdAt: created_at.toISOString(),
  parkedAt: parked_at?.toISOString() ?? null,
})

/** Of one order, in the order in which they are done. */
export async function effectsOf(db: Tx, orderId: string): Promise<ShownEffect[]> {
  const { rows } = await db.query<Row>(`SELECT ${columns} FROM effect WHERE order_id = $1 ORDER BY effect.version, n`, [
    orderId,
  ])
  return rows.map(shown)
}

/** By order; an order has at most one that is parked. */
export async function parkedEffects(
  db: Tx,
  { limit, after = '' }: { limit: number; after?: string },
): Promise<List<ParkedEffect>> {
  const { rows } = await db.query<Row & { behind: string }>(
    `SELECT ${columns}, (SELECT count(*) - 1 FROM effect AS all_of WHERE all_of.order_id = effect.order_id) AS behind
     FROM effect WHERE parked_at IS NOT NULL AND order_id > $1 ORDER BY order_id LIMIT $2`,
    [after, limit + 1],
  )
  const items = rows
    .slice(0, limit)
    .map(({ behind, ...row }) => ({ orderId: row.order_id, ...shown(row), behind: Number(behind) }))
  return { items, next: rows.length > limit ? (items.at(-1)?.orderId ?? null) : null }
}

export async function storedEffects(db: Tx): Promise<{ waiting: number; parked: number }> {
  const { rows } = await db.query<{ waiting: string; parked: string }>(
    `SELECT (SELECT count(*) FROM (SELECT FROM effect LIMIT 100000) AS counted) AS waiting,
       (SELECT count(*) FROM effect WHERE parked_at IS NOT NULL) AS parked`,
  )
  return { waiting: Number(rows[0]?.waiting), parked: Number(rows[0]?.parked) }
}

export interface Action {
  orderId: string
  operator: string
  /** Else it is tried again. */
  discard?: { effect: string; reason: string }
}

/**
 * Lets the order's parked effect be tried again, or removes it and lets the next one start; audited like what is done to
 * parked events. Gives its key; 'before' when it was discarded by an earlier request, undefined when there is none.
 */
export const release = (pool: Pool, { orderId, operator, discard }: Action): Promise<string | undefined> =>
  transaction(pool, async (tx) => {
    const [appliedVersion = 0] = await lockOrders(tx, [orderId])
    const parked = (await effectsOf(tx, orderId)).find(({ state }) => state === 'parked')
    if (discard && parked?.effect !== discard.effect) {
      return (await discardAnswer(tx, orderId, discard.effect)) && 'before'
    }
    if (!parked) return undefined
    const its = `WHERE order_id = $1 AND parked_at IS NOT NULL`
    if (discard) await tx.query(removing(`DELETE FROM effect ${its} RETURNING order_id, version, n`, 'n'), [orderId])
    else await tx.query(`UPDATE effect SET parked_at = NULL, due_at = now() ${its}`, [orderId])

    const { effect: event, state, cause, detail, version, parkedAt, attempts } = parked
    const shown = { event, state, cause: cause!, detail: detail!, version, parkedAt: parkedAt!, attempts }
    await addAudit(
      tx,
      { orderId, operator, ...(discard && { discard: { event, reason: discard.reason } }) },
      { appliedVersion, parked: 1, event: shown },
      { appliedVersion, parked: 0, event: null },
      { orderId, applied: 0, remaining: 0 },
    )
    return event
  })
