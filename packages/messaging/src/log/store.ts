import type { Tx } from '@inorder/storage/transaction.ts'

/** Below these offsets, by partition, the log holds nothing that the database does not know. */
export async function readPublished(db: Tx, topicId: string): Promise<Map<number, bigint>> {
  const { rows } = await db.query<{ partition: number; next_offset: string }>(
    'SELECT partition, next_offset FROM outbox_published WHERE topic_id = $1',
    [topicId],
  )
  return new Map(rows.map((row) => [row.partition, BigInt(row.next_offset)]))
}

// Another server, one that was restored to a point in time or promoted (a new timeline), a copy of the database, or one
// whose tables a restored dump has made anew.
const identity = `
SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
  left(pg_walfile_name(pg_current_wal_lsn()), 8),
  (SELECT oid FROM pg_database WHERE datname = current_database()), 'outbox_run'::regclass::oid) AS identity`

/**
 * With `sameRun` only if the database is still the one that was compared with the log: one that is put in its place must
 * not be given offsets up to which it knows nothing.
 */
export async function savePublished(db: Tx, topicId: string, next: readonly bigint[], sameRun: boolean): Promise<void> {
  await db.query({
    name: 'outbox-published',
    text: `INSERT INTO outbox_published (topic_id, partition, next_offset)
           SELECT $1, n - 1, next FROM unnest($2::bigint[]) WITH ORDINALITY AS new (next, n)
           WHERE NOT $3 OR (SELECT identity FROM outbox_run) = (${identity})
           ON CONFLICT (topic_id, partition) DO UPDATE SET next_offset = excluded.next_offset
           WHERE outbox_published.next_offset <> excluded.next_offset`,
    values: [topicId, next, sameRun],
  })
}

/** False: the database is a restored one. One that was never compared with a log counts as the same. */
export async function isSameRun(db: Tx): Promise<boolean> {
  const { rows } = await db.query<{ same: boolean }>(
    `SELECT run.identity = now.identity AS same FROM outbox_run AS run, (${identity}) AS now`,
  )
  return rows[0]?.same ?? true
}

export async function rememberRun(db: Tx): Promise<void> {
  await db.query(
    `INSERT INTO outbox_run (identity) ${identity} ON CONFLICT (only_row) DO UPDATE SET identity = excluded.identity
     WHERE outbox_run.identity <> excluded.identity`,
  )
}

/** The event ids of what waits in the outbox, by key, in their order. */
export async function waitingByKey(tx: Tx, topic: string, keys: readonly Buffer[]): Promise<Map<string, string[]>> {
  const { rows } = await tx.query<{ key: Buffer; event_ids: string[] }>(
    `SELECT key, array_agg(event_id::text ORDER BY id) AS event_ids FROM outbox
     WHERE topic = $1 AND key = ANY ($2) GROUP BY key`,
    [topic, keys],
  )
  return new Map(rows.map(({ key, event_ids }) => [key.toString(), event_ids]))
}

/** Takes rows out of the outbox; `dropped` are kept aside for people. */
export async function removeRows(tx: Tx, eventIds: readonly string[], dropped: readonly string[]): Promise<void> {
  if (eventIds.length === 0) return
  await tx.query(
    `WITH gone AS (DELETE FROM outbox WHERE event_id = ANY ($1) RETURNING *)
     INSERT INTO outbox_dropped (event_id, topic, key, value, fingerprint, headers, created_at)
     SELECT event_id, topic, key, value, fingerprint, headers, created_at FROM gone WHERE event_id = ANY ($2)`,
    [eventIds, dropped],
  )
}
