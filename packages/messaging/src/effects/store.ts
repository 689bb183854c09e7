// The effect table. Whoever adds or removes a row holds the order's row in `inbox_order`, so that the first of an order,
// which alone has `due_at`, is known for certain (rule 14).
import { columns } from '@inorder/storage/columns.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import type { Fault } from '../inbox/order.ts'
import type { Effect, StoredEffect } from './effect.ts'

export interface EffectRow extends Omit<StoredEffect, 'key' | 'payload'> {
  readonly eventId: string
  /** JSON */
  readonly payload: string
}

/** What is to be stored of one event's effects. Throws when a payload is no JSON. */
export const effectRows = (
  orderId: string,
  { eventId, version }: { eventId: string; version: number },
  effects: readonly Effect[],
): EffectRow[] =>
  effects.map(({ kind, payload }, i) => {
    const json = JSON.stringify(payload)
    if (json === undefined) throw new Error(`the payload of the effect ${kind} is no JSON`)
    return { orderId, version, n: i + 1, eventId, kind, payload: json }
  })

/** Stores them; the first of an order of which none is there can start. The orders are locked. */
export async function addEffects(tx: Tx, effects: readonly EffectRow[]): Promise<void> {
  if (effects.length === 0) return
  // Not a prepared statement: a plan made while the table was empty would read all of it for each batch later on.
  await tx.query(
    `INSERT INTO effect (order_id, version, n, event_id, kind, payload, due_at)
     SELECT id, version, n, event_id, kind, payload,
       CASE WHEN row_number() OVER (PARTITION BY id ORDER BY version, n) = 1
         AND NOT EXISTS (SELECT FROM effect WHERE order_id = id) THEN now() END
     FROM unnest($1::text[], $2::bigint[], $3::int[], $4::text[], $5::text[], $6::json[])
       AS new (id, version, n, event_id, kind, payload)`,
    columns(effects, ({ orderId, version, n, eventId, kind, payload }) => [
      orderId,
      version,
      n,
      eventId,
      kind,
      payload,
    ]),
  )
}

/** An effect that is leased to us: as long as its token is the row's, nobody else has it. */
export interface Claim extends StoredEffect {
  /** The fencing token. It counts the claims of this effect: the first is 1. */
  readonly attempt: number
}

interface Row {
  order_id: string
  version: string
  n: number
  event_id: string
  kind: string
  payload: unknown
  attempts: number
}

/**
 * Leases what is due, the longest due first. What others are claiming in this moment is skipped, which can swap no two
 * effects of an order, since only its first is ever due.
 */
export async function claimEffects(db: Tx, limit: number, leaseMs: number): Promise<Claim[]> {
  const { rows } = await db.query<Row>(
    `WITH due AS (
       SELECT order_id, version, n FROM effect WHERE due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
     )
     UPDATE effect AS e SET attempts = attempts + 1, due_at = now() + $2 * interval '1 ms', cause = NULL, detail = NULL
     FROM due WHERE e.order_id = due.order_id AND e.version = due.version AND e.n = due.n
     RETURNING e.order_id, e.version, e.n, event_id, kind, payload, attempts`,
    [limit, leaseMs],
  )
  return rows.map((row) => ({
    orderId: row.order_id,
    version: Number(row.version),
    n: row.n,
    key: `${row.event_id}:${row.n}`,
    kind: row.kind,
    payload: row.payload,
    attempt: row.attempts,
  }))
}

const claims = `unnest($1::text[], $2::bigint[], $3::int[], $4::int[])`
const stillOurs = `e.order_id = ours.order_id AND e.version = ours.version AND e.n = ours.n AND e.attempts = ours.attempt`
const keysOf = (claims: readonly Claim[]) =>
  columns(claims, ({ orderId, version, n, attempt }) => [orderId, version, n, attempt])

/** Removes those of these effects of which our token is still the row's, and returns them. Locks the orders, sorted. */
export async function removeClaimed(tx: Tx, ours: readonly Claim[]): Promise<Set<Claim>> {
  await lockOrders(
    tx,
    ours.map(({ orderId }) => orderId),
  )
  const { rows } = await tx.query<{ i: string }>(
    removing(
      `DELETE FROM effect AS e USING ${claims} WITH ORDINALITY AS ours (order_id, version, n, attempt, i)
       WHERE ${stillOurs} RETURNING e.order_id, e.version, e.n, ours.i`,
      'i',
    ),
    keysOf(ours),
  )
  return new Set(rows.map(({ i }) => ours[Number(i) - 1]!))
}

/** Gives the versions that they are at. */
export async function lockOrders(tx: Tx, orderIds: readonly string[]): Promise<number[]> {
  const { rows } = await tx.query<{ applied_version: string }>(
    'SELECT applied_version FROM inbox_order WHERE order_id = ANY($1::text[]) ORDER BY order_id FOR UPDATE',
    [orderIds],
  )
  return rows.map(({ applied_version }) => Number(applied_version))
}

/** Runs `removal`, a DELETE that returns order_id, version and n, lets the next effect of each order start, and gives `column`. */
export const removing = (removal: string, column: string) => `
WITH removed AS (${removal}), started AS (
  UPDATE effect AS e SET due_at = now()
  FROM removed CROSS JOIN LATERAL (
    SELECT version, n FROM effect AS later
    WHERE later.order_id = removed.order_id AND (later.version, later.n) > (removed.version, removed.n)
    ORDER BY version, n LIMIT 1
  ) AS next
  WHERE e.order_id = removed.order_id AND e.version = next.version AND e.n = next.n
)
SELECT ${column} FROM removed`

/** Ends a lease without a result: to be claimed again after `againMs`, null: parked. False: it was no longer ours. */
export async function giveBack(db: Tx, claim: Claim, fault: Fault, againMs: number | null): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE effect SET cause = $5, detail = $6, due_at = now() + $7 * interval '1 ms',
       parked_at = CASE WHEN $7 IS NULL THEN now() END
     WHERE order_id = $1 AND version = $2 AND n = $3 AND attempts = $4`,
    [claim.orderId, claim.version, claim.n, claim.attempt, fault.cause, fault.detail, againMs],
  )
  return rowCount === 1
}
