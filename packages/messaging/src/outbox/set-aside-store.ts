// Rows of the outbox that were set aside, in SQL.

import type { Tx } from '@inorder/storage/transaction.ts'
import { decodeHeaders } from './headers.ts'
import type { AuditEntry, List, SetAside, SetAsideDiscarded } from './ops.ts'

interface Row extends Omit<SetAsideRow, 'key' | 'version' | 'since'> {
  key: Buffer | null
  headers: string
  since: Date
}

/** `id` is the row's, by which pages go on. */
export type SetAsideRow = SetAside & { readonly id: string }

// The rows behind are counted for all of them at once: there is no index by key, so that each would read its lane.
const rowsWhere = (condition: string) => `
WITH aside AS (
  SELECT id, event_id, topic, partition, key, headers, cause, detail, set_aside_at FROM outbox
  WHERE set_aside_at IS NOT NULL AND ${condition}
), behind AS (
  SELECT aside.id, count(*) AS behind FROM aside
  JOIN outbox AS later ON later.topic = aside.topic AND later.partition = aside.partition AND later.key = aside.key
    AND later.id > aside.id
  GROUP BY aside.id
)
SELECT aside.id::text, event_id::text AS event, topic, key, headers::text, coalesce(cause, '') AS cause,
  coalesce(detail, '') AS detail, set_aside_at AS since, coalesce(behind, 0)::float8 AS behind
FROM aside LEFT JOIN behind USING (id) ORDER BY aside.id`

/** The oldest first. */
export async function setAsideRows(
  db: Tx,
  versionHeader: string,
  { cause, limit, after }: { cause?: string; limit: number | null; after?: string },
): Promise<SetAsideRow[]> {
  const some = rowsWhere('($1::text IS NULL OR cause = $1) AND id > $2 ORDER BY id LIMIT $3')
  const { rows } = await db.query<Row>(some, [cause ?? null, after ?? '0', limit])
  return rows.map((row) => shown(row, versionHeader))
}

/** Of one key; a key has at most one. */
export async function setAsideOf(db: Tx, versionHeader: string, key: string): Promise<SetAsideRow[]> {
  const ofKey = rowsWhere(`(key = $1 OR '@' || event_id = $2)`)
  const { rows } = await db.query<Row>(ofKey, [Buffer.from(key), key])
  return rows.map((row) => shown(row, versionHeader)).filter((row) => row.key === key)
}

/** Those of these that are set aside, locked. */
export async function lockSetAside(tx: Tx, eventIds: readonly string[]): Promise<Set<string>> {
  const { rows } = await tx.query<{ event_id: string }>(
    `SELECT event_id::text FROM outbox WHERE event_id = ANY ($1::uuid[]) AND set_aside_at IS NOT NULL
     ORDER BY event_id FOR UPDATE`,
    [eventIds],
  )
  return new Set(rows.map(({ event_id }) => event_id))
}

interface Done extends Pick<AuditEntry, 'operator' | 'key' | 'before' | 'after'> {
  action: 'set-aside-redrive' | 'set-aside-discard' | 'release'
  event?: string
  reason?: string
  /** What the operator is told. */
  answer: object
}

/** What an operator does to the outbox, or to a key that is held; in the transaction that does it. */
export async function addOutboxAudit(tx: Tx, done: Done): Promise<void> {
  const { operator, action, key, event, reason, before, after, answer } = done
  await tx.query(
    `INSERT INTO outbox_audit (operator, action, key, event, reason, before, after, answer)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [operator, action, key, event, reason, before, after, answer],
  )
}

/** What was answered when this event was discarded. */
export async function setAsideDiscardAnswer(
  tx: Tx,
  key: string,
  event: string,
): Promise<SetAsideDiscarded | undefined> {
  const { rows } = await tx.query<{ answer: SetAsideDiscarded }>(
    `SELECT answer FROM outbox_audit WHERE action = 'set-aside-discard' AND key = $1 AND event = $2
     ORDER BY id DESC LIMIT 1`,
    [key, event],
  )
  return rows[0]?.answer
}

export const auditColumns = 'id, at, operator, action, key, event, reason, before, after'
export type AuditRow = Omit<AuditEntry, 'id' | 'at'> & { id: string; at: Date }

export function auditPage(rows: readonly AuditRow[], limit: number): List<AuditEntry> {
  const items = rows.slice(0, limit).map(({ id, at, ...row }) => ({ ...row, id: Number(id), at: at.toISOString() }))
  return { items, next: rows.length > limit ? String(items.at(-1)?.id) : null }
}

/** The newest first. */
export async function setAsideAudit(
  db: Tx,
  { limit, after }: { limit: number; after?: number },
): Promise<List<AuditEntry>> {
  const { rows } = await db.query<AuditRow>(
    `SELECT ${auditColumns} FROM outbox_audit WHERE id < coalesce($1, 9223372036854775807) ORDER BY id DESC LIMIT $2`,
    [after ?? null, limit + 1],
  )
  return auditPage(rows, limit)
}

const shown = ({ key, headers, since, ...row }: Row, versionHeader: string): SetAsideRow => ({
  ...row,
  key: keyName(key, row.event),
  version: versionIn(headers, versionHeader),
  since: since.toISOString(),
})

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const isName = (text: string) => /^\P{Cc}{1,512}$/u.test(text)

/** A record of somebody else's that is copied may have any key, or none. */
function keyName(key: Buffer | null, eventId: string): string {
  const unnamed = `@${eventId}`
  if (!key) return unnamed
  try {
    const text = utf8.decode(key)
    return isName(text) ? text : unnamed
  } catch {
    return unnamed
  }
}

function versionIn(headers: string, versionHeader: string): number | null {
  for (const [name, value] of decodeHeaders(headers))
    if (name.toString() === versionHeader && /^\d{1,15}$/.test(value.toString())) return Number(value.toString())
  return null
}
