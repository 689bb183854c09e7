import type { AuditEntry, List, Loss, Redriven, Standing } from '@inorder/contracts/ops.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import { type AuditRow, auditColumns, auditPage } from '../outbox/set-aside-store.ts'

export interface Audited {
  readonly operator: string
  readonly orderId: string
  readonly discard?: { readonly event: string; readonly reason: string }
}

/** In the transaction that does it. */
export async function addAudit(
  tx: Tx,
  { operator, orderId, discard }: Audited,
  before: Standing,
  after: Standing,
  answer: Redriven,
): Promise<void> {
  const action = discard ? 'discard' : 'redrive'
  const values = [operator, action, orderId, discard?.event, discard?.reason, before, after, answer]
  await tx.query(
    `INSERT INTO parking_audit (operator, action, order_id, event, reason, before, after, answer)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    values,
  )
}

/** In the transaction that moves the position. */
export async function addLoss(tx: Tx, operator: string, topic: string, loss: Loss): Promise<void> {
  const values = [operator, `@${topic}:${loss.partition}`, { next: loss.from }, { next: loss.to }, loss]
  await tx.query(
    `INSERT INTO parking_audit (operator, action, order_id, before, after, answer)
     VALUES ($1, 'accept-loss', $2, $3, $4, $5)`,
    values,
  )
}

/** What was answered when this event was discarded. */
export async function discardAnswer(tx: Tx, orderId: string, event: string): Promise<Redriven | undefined> {
  const { rows } = await tx.query<{ answer: Redriven }>(
    `SELECT answer FROM parking_audit WHERE action = 'discard' AND order_id = $1 AND event = $2
     ORDER BY id DESC LIMIT 1`,
    [orderId, event],
  )
  return rows[0]?.answer
}

/** The newest first, with what was done to rows of the outbox: their ids come from one sequence. */
export async function auditEntries(
  db: Tx,
  { limit, after }: { limit: number; after?: number },
): Promise<List<AuditEntry>> {
  const newest = (table: string) =>
    `(SELECT ${auditColumns} FROM ${table} WHERE id < coalesce($1, 9223372036854775807) ORDER BY id DESC LIMIT $2)`
  const { rows } = await db.query<AuditRow>(
    `${newest('parking_audit')} UNION ALL ${newest('outbox_audit')} ORDER BY id DESC LIMIT $2`,
    [after ?? null, limit + 1],
  )
  return auditPage(rows, limit)
}
