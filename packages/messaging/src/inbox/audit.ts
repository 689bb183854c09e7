import type { Tx } from '@inorder/storage/transaction.ts'
import { placeName } from '../kafka/event.ts'
import type { AuditEntry, List } from '../outbox/ops.ts'
import { type AuditRow, auditColumns, auditPage } from '../outbox/set-aside-store.ts'
import type { Entry } from './key-state.ts'
import type { Loss, Redriven, Standing } from './ops.ts'

interface Audited {
  readonly operator: string
  readonly key: string
  readonly discard?: { readonly event: string; readonly reason: string }
}

/** In the transaction that does it; gives the entry's number. */
export async function addAudit(
  tx: Tx,
  { operator, key, discard }: Audited,
  before: Standing,
  after: Standing,
  answer: Redriven,
): Promise<number> {
  const action = discard ? 'discard' : 'redrive'
  const values = [operator, action, key, discard?.event, discard?.reason, before, after, answer]
  const { rows } = await tx.query<{ id: string }>(
    `INSERT INTO parking_audit (operator, action, key, event, reason, before, after, answer)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id`,
    values,
  )
  return Number(rows[0]!.id)
}

/** A further step of what the entry is about: it ends here now, and has applied so many more. */
export async function updateAudit(tx: Tx, id: number, step: Redriven, after: Standing): Promise<void> {
  const { applied, ...answer } = step
  await tx.query(
    `UPDATE parking_audit SET after = $2, answer =
       (answer::jsonb - 'stoppedAt' || $3::jsonb || jsonb_build_object('applied', (answer ->> 'applied')::int + $4::int))::json
     WHERE id = $1`,
    [id, after, answer, applied],
  )
}

export async function auditedAnswer(tx: Tx, id: number): Promise<Redriven> {
  const { rows } = await tx.query<{ answer: Redriven }>('SELECT answer FROM parking_audit WHERE id = $1', [id])
  return rows[0]!.answer
}

export async function isRedrive(tx: Tx, id: number): Promise<boolean> {
  const { rowCount } = await tx.query(`SELECT FROM parking_audit WHERE id = $1 AND action = 'redrive'`, [id])
  return rowCount === 1
}

/** In the transaction that moves the position. */
export async function addLoss(tx: Tx, operator: string, topic: string, loss: Loss): Promise<void> {
  const values = [operator, `@${topic}:${loss.partition}`, { next: loss.from }, { next: loss.to }, loss]
  await tx.query(
    `INSERT INTO parking_audit (operator, action, key, before, after, answer)
     VALUES ($1, 'accept-loss', $2, $3, $4, $5)`,
    values,
  )
}

/** Versions that were skipped because they never came, and come now: each once, also when the log is read again. */
export async function addLate<Event>(tx: Tx, instance: string, late: readonly Entry<Event>[]): Promise<void> {
  const rows = late.map((entry) => ({
    key: entry.key,
    event: placeName(entry.topicId, entry),
    reason: `version ${entry.version} was skipped by an operator; its event came later and is not applied`,
  }))
  await tx.query(
    `INSERT INTO parking_audit (operator, action, key, event, reason, before, after, answer)
     SELECT $1, 'skipped-arrived', key, event, reason, '{}', '{}', '{}'
     FROM json_to_recordset($2) AS r (key text, event text, reason text)
     WHERE NOT EXISTS (SELECT FROM parking_audit AS a
       WHERE a.action = 'skipped-arrived' AND a.key = r.key AND a.event = r.event)`,
    [instance, JSON.stringify(rows)],
  )
}

/** What was answered when this event was discarded, and the reason that was given. */
export async function discardAnswer(
  tx: Tx,
  key: string,
  event: string,
): Promise<{ answer: Redriven; reason: string } | undefined> {
  const { rows } = await tx.query<{ answer: Redriven; reason: string }>(
    `SELECT answer, reason FROM parking_audit WHERE action = 'discard' AND key = $1 AND event = $2
     ORDER BY id DESC LIMIT 1`,
    [key, event],
  )
  return rows[0]
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
