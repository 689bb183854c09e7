// Rows of the outbox as operators see them, in SQL: what was set aside, and what of one key waits.

import { distinct } from '@inorder/storage/distinct.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import { keyHash } from '../kafka/partitioner.ts'
import { decodeHeaders } from './headers.ts'
import { type List, listOf, type OutboxEvent, type SetAside } from './ops.ts'

type Row = Omit<SetAside, 'key' | 'version' | 'since'> & {
  id: string
  key: Buffer | null
  headers: string
  since: Date
}

// The rows behind are counted for all of them at once, in one reading of their lanes: there is no index by key. IS TRUE keeps
// PostgreSQL from making a join of the look-up; sessions take nested loops only, and each row would read its lane.
const rowsAside = `
WITH aside AS (
  SELECT id, event_id, topic, partition, key, headers, cause, detail, set_aside_at FROM outbox
  WHERE set_aside_at IS NOT NULL AND ($1::text IS NULL OR cause = $1) AND id > $2
    AND ($4::text IS NULL OR key = convert_to($4, 'UTF8') OR '@' || event_id = $4)
  ORDER BY id LIMIT $3
), behind AS (
  SELECT id, behind FROM (
    SELECT id, set_aside_at, count(*) OVER (
      PARTITION BY topic, partition, key ORDER BY id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS behind
    FROM (SELECT DISTINCT topic, partition FROM aside) AS lanes JOIN outbox USING (topic, partition)
    WHERE (key IN (SELECT key FROM aside)) IS TRUE
  ) AS of_their_keys WHERE set_aside_at IS NOT NULL
)
SELECT aside.id::text, event_id::text AS event, topic, key, headers::text, coalesce(cause, '') AS cause,
  coalesce(detail, '') AS detail, set_aside_at AS since, coalesce(behind, 0)::int AS behind
FROM aside LEFT JOIN behind USING (id) ORDER BY aside.id`

/** The oldest first, all where no limit is given. Of one key: a key has at most one. */
export async function setAsideRows(
  db: Tx,
  versionHeader: string,
  { key, cause, limit, after }: { key?: string; cause?: string; limit?: number; after?: string },
): Promise<List<SetAside>> {
  const values = [cause, after ?? '0', limit && limit + 1, key]
  const { rows } = await db.query<Row>(rowsAside, values)
  const { items, next } = listOf(rows, limit ?? rows.length, ({ id }) => id)
  const shown = items.map(({ id: _, headers, since, ...row }) => ({
    ...row,
    key: keyName(row.key, row.event),
    version: versionIn(headers, versionHeader),
    since: since.toISOString(),
  }))
  return { items: key === undefined ? shown : shown.filter((row) => row.key === key), next }
}

const mostOfKey = 1_000

// A key's rows are in one lane of each topic. The lane is read in its index, which has their hash: there is no index by key,
// for which each event of each order would have to pay. A topic that no relay has declared is one lane.
const rowsOfKey = `
WITH RECURSIVE ${distinct('some_topic', 'topic', 'outbox WHERE true')}
SELECT o.* FROM some_topic LEFT JOIN outbox_topic AS t USING (topic) CROSS JOIN LATERAL (
  SELECT id, event_id::text AS event, topic, headers::text, coalesce(set_aside_at, created_at) AS since,
    set_aside_at IS NOT NULL AS "setAside", cause
  FROM outbox WHERE topic = some_topic.topic AND partition = $2::int % coalesce(t.partitions, 1) AND key_hash = $2
    AND key = $1
  ORDER BY id LIMIT ${mostOfKey}
) AS o ORDER BY id LIMIT ${mostOfKey}`

/** What of a key waits for Kafka, the oldest first, the first 1,000. */
export async function waitingRows(db: Tx, versionHeader: string, key: string): Promise<OutboxEvent[]> {
  const bytes = Buffer.from(key)
  const { rows } = await db.query<
    Omit<OutboxEvent, 'version' | 'since'> & { id: string; headers: string; since: Date }
  >(rowsOfKey, [bytes, keyHash(bytes)])
  return rows.map(({ id: _, headers, since, ...row }) => ({
    ...row,
    version: versionIn(headers, versionHeader),
    since: since.toISOString(),
  }))
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
