import type { Tx } from '@inorder/storage/transaction.ts'
import { runIdentity } from './database-run.ts'

/** Below these offsets, by partition, the log holds nothing that the database does not know. */
export async function readPublished(db: Tx, topicId: string): Promise<Map<number, bigint>> {
  const { rows } = await db.query<{ partition: number; next_offset: string }>(
    'SELECT partition, next_offset FROM outbox_published WHERE topic_id = $1',
    [topicId],
  )
  return new Map(rows.map((row) => [row.partition, BigInt(row.next_offset)]))
}

/** The topics, by id, to which the database has published. */
export async function publishedTopicIds(db: Tx): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>('SELECT DISTINCT topic_id AS id FROM outbox_published')
  return rows.map(({ id }) => id)
}

/**
 * Saves these ends, but only if the database is the one that was compared with the log: one that is put in its place must
 * not be given offsets up to which it knows nothing. `identity`: the one that is just compared; without it the last one.
 */
export async function savePublished(
  db: Tx,
  topicId: string,
  next: readonly bigint[],
  identity?: string,
): Promise<void> {
  await db.query({
    name: 'outbox-published',
    text: `INSERT INTO outbox_published (topic_id, partition, next_offset)
           SELECT $1, n - 1, next FROM unnest($2::bigint[]) WITH ORDINALITY AS new (next, n)
           WHERE coalesce($3, (SELECT identity FROM outbox_run)) = (${runIdentity})
           ON CONFLICT (topic_id, partition) DO UPDATE SET next_offset = excluded.next_offset
           WHERE outbox_published.next_offset <> excluded.next_offset`,
    values: [topicId, next, identity ?? null],
  })
}

/** Which database this is, and whether it has compared itself with the log: false, it is a restored one. One that never did counts as the same. */
export async function currentRun(db: Tx): Promise<{ identity: string; same: boolean }> {
  const { rows } = await db.query<{ identity: string | null; same: boolean }>(
    `SELECT now.identity, coalesce((SELECT identity FROM outbox_run) = now.identity, true) AS same
     FROM (SELECT (${runIdentity}) AS identity) AS now`,
  )
  const { identity, same } = rows[0]!
  if (identity === null) throw new Error('the database is a standby: it cannot be written to')
  return { identity, same }
}

/** The database has compared itself with the log. False: it is another one than this. */
export async function rememberRun(db: Tx, identity: string): Promise<boolean> {
  const { rows } = await db.query(
    `WITH now AS (SELECT $1::text AS identity WHERE $1 = (${runIdentity})),
     remembered AS (
       INSERT INTO outbox_run (identity) SELECT identity FROM now
       ON CONFLICT (only_row) DO UPDATE SET identity = excluded.identity WHERE outbox_run.identity <> excluded.identity)
     SELECT FROM now`,
    [identity],
  )
  return rows.length > 0
}

/** What waits in the outbox, by key, each in the order of its versions. The header is our own: no foreign event is written there. */
export async function unpublishedOf(
  tx: Tx,
  topic: { name: string; versionHeader: string },
  keys: readonly string[],
): Promise<Map<string, { version: number; eventId: string }[]>> {
  const { rows } = await tx.query<{ key: Buffer; event_id: string; version: string }>(
    `SELECT key, event_id, headers->>$3 AS version FROM outbox
     WHERE topic = $1 AND key = ANY ($2) ORDER BY id`,
    [topic.name, keys.map((key) => Buffer.from(key)), topic.versionHeader],
  )
  const waiting = rows.map((row) => ({ key: row.key.toString(), version: Number(row.version), eventId: row.event_id }))
  return Map.groupBy(waiting, ({ key }) => key)
}

/** Takes rows out of the outbox that are in the log. */
export async function removeRows(tx: Tx, eventIds: readonly string[]): Promise<void> {
  if (eventIds.length > 0) await tx.query('DELETE FROM outbox WHERE event_id = ANY ($1)', [eventIds])
}

/** Takes rows out of the outbox that are never published, and keeps them aside for people. */
export async function dropRows(tx: Tx, eventIds: readonly string[]): Promise<void> {
  if (eventIds.length === 0) return
  await tx.query(
    `WITH gone AS (DELETE FROM outbox WHERE event_id = ANY ($1) RETURNING *)
     INSERT INTO outbox_dropped (event_id, topic, key, value, fingerprint, headers, created_at)
     SELECT event_id, topic, key, value, fingerprint, headers, created_at FROM gone`,
    [eventIds],
  )
}
