// What operators did: each act in the transaction that does it.
import { columns } from '@inorder/storage/columns.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import { type AuditEntry, type List, listOf } from './ops.ts'

/** The tables, whose ids come from one sequence, and what a discard is called in each. */
const discards = { outbox_audit: 'set-aside-discard', parking_audit: 'discard' }
export type AuditTable = keyof typeof discards

interface Act {
  operator: string
  action: string
  key: string
  event?: string | undefined
  reason?: string | undefined
  before: object
  after: object
  /** What the operator is told. */
  answer: object
}

/** Gives the entries' numbers. */
export async function addAudit(tx: Tx, table: AuditTable, acts: readonly Act[]): Promise<number[]> {
  if (acts.length === 0) return []
  const { rows } = await tx.query<{ id: string }>(
    `INSERT INTO ${table} (operator, action, key, event, reason, before, after, answer)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::json[], $7::json[], $8::json[])
     RETURNING id`,
    columns(acts, ({ operator, action, key, event, reason, before, after, answer }) => [
      operator,
      action,
      key,
      event,
      reason,
      JSON.stringify(before),
      JSON.stringify(after),
      JSON.stringify(answer),
    ]),
  )
  return rows.map(({ id }) => Number(id))
}

/** What was answered when this event was discarded, and the reason that was given. */
export async function discardAnswer<Answer>(
  tx: Tx,
  table: AuditTable,
  key: string,
  event: string,
): Promise<{ answer: Answer; reason: string } | undefined> {
  const { rows } = await tx.query<{ answer: Answer; reason: string }>(
    `SELECT answer, reason FROM (
       SELECT id, answer, reason FROM ${table} WHERE action = '${discards[table]}' AND key = $1 AND event = $2
       UNION ALL
       SELECT id, answer, reason FROM audit_decision WHERE action = '${discards[table]}' AND key = $1 AND event = $2
     ) AS of_both ORDER BY id DESC LIMIT 1`,
    [key, event],
  )
  return rows[0]
}

/** Of these tables, the newest first. */
export async function auditEntries(
  db: Tx,
  { limit, after }: { limit: number; after?: number },
  ...tables: AuditTable[]
): Promise<List<AuditEntry>> {
  const newest = tables.map(
    (table) => `(SELECT id, at, operator, action, key, event, reason, before, after FROM ${table}
      WHERE id < coalesce($1, 9223372036854775807) ORDER BY id DESC LIMIT $2)`,
  )
  const { rows } = await db.query<Omit<AuditEntry, 'id' | 'at'> & { id: string; at: Date }>(
    `SELECT * FROM (${newest.join(' UNION ALL ')}) AS of_all ORDER BY id DESC LIMIT $2`,
    [after ?? null, limit + 1],
  )
  const items = rows.map(({ id, at, ...row }) => ({ ...row, id: Number(id), at: at.toISOString() }))
  return listOf(items, limit, ({ id }) => String(id))
}
