// What operators did is kept for ever, or for so many days. Then redrives are forgotten, and decisions move to a table that
// is never cut: other things depend on them.
import type { WokenLoop } from '@inorder/storage/woken-loop.ts'
import type { Pool } from 'pg'
import type { AuditTable } from './audit.ts'
import { expiry } from './expiry.ts'
import type { Outbox } from './open-outbox.ts'

/** Of one transaction. */
const piece = 1_000
const decisions = ['discard', 'set-aside-discard', 'skipped-arrived', 'accept-loss', 'release']

/** A key that is due adds to its entry yet. */
const isDone: Record<AuditTable, string> = {
  outbox_audit: 'true',
  parking_audit: 'NOT EXISTS (SELECT FROM inbox_key WHERE due = id)',
}

const columns = 'id, at, operator, action, key, event, reason, before, after, answer'

/** Removes the oldest entries, as far as they are too old, and says how many. Ids ascend with time. */
export async function forgetAudit(pool: Pool, table: AuditTable, days: number): Promise<number> {
  const { rows } = await pool.query<{ gone: number }>(
    `WITH oldest AS MATERIALIZED (
       SELECT id FROM (SELECT id, at FROM ${table} ORDER BY id LIMIT ${piece}) AS first
       WHERE at < now() - make_interval(days => $1) AND ${isDone[table]}
     ), gone AS (
       DELETE FROM ${table} WHERE id IN (SELECT id FROM oldest) RETURNING *
     ), kept AS (
       INSERT INTO audit_decision (${columns}) SELECT ${columns} FROM gone WHERE action = ANY ($2)
     )
     SELECT count(*)::int AS gone FROM gone`,
    [days, decisions],
  )
  return rows[0]!.gone
}

export const auditExpiry = ({ maintenance, logger }: Pick<Outbox, 'maintenance' | 'logger'>, days: number): WokenLoop =>
  expiry(logger, `entries of the audit of more than ${days} days`, async () => {
    const { rows } = await maintenance.query<{ table: AuditTable }>(
      `SELECT name AS table FROM unnest('{outbox_audit,parking_audit}'::text[]) AS name WHERE to_regclass(name) IS NOT NULL`,
    )
    let more = false
    for (const { table } of rows) if ((await forgetAudit(maintenance, table, days)) === piece) more = true
    return more
  })
