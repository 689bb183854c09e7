// Records of the log that wait to be judged, in SQL.
import { columns } from '@inorder/storage/columns.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import type { DecodedRecord } from '../kafka/event.ts'

export interface Staged {
  id: number
  key: string
  /** Null: nobody can read it. */
  version: number | null
  eventId: string | null
  detail: string | null
}

const largestStatement = 4 * 1024 * 1024

/** Keeps these records, which are in the order of each partition. */
export async function stage<Event>(
  db: Tx,
  entries: readonly DecodedRecord<Event>[],
  versionHeader: string,
): Promise<void> {
  let together: DecodedRecord<Event>[] = []
  let bytes = 0
  for (const entry of entries) {
    together.push(entry)
    bytes += entry.record?.value?.length ?? 0
    if (bytes < largestStatement) continue
    await insert(db, together, versionHeader)
    together = []
    bytes = 0
  }
  if (together.length > 0) await insert(db, together, versionHeader)
}

async function insert<Event>(db: Tx, entries: readonly DecodedRecord<Event>[], versionHeader: string): Promise<void> {
  await db.query(
    `INSERT INTO log_event (topic_id, partition, log_offset, key, version, event_id, value, detail)
     SELECT topic_id, partition, log_offset, key, version, event_id, value, detail
     FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::bytea[], $8::text[])
       WITH ORDINALITY AS new (topic_id, partition, log_offset, key, version, event_id, value, detail, n)
     ORDER BY n
     ON CONFLICT (topic_id, partition, log_offset) DO NOTHING`,
    columns(entries, (entry) => [
      entry.topicId,
      entry.partition,
      entry.offset,
      entry.key,
      entry.version,
      entry.eventId,
      entry.record?.value ?? null,
      entry.fault ? unreadDetail(entry, versionHeader) : null,
    ]),
  )
}

function unreadDetail<Event>(
  { partition, offset, fault, record }: DecodedRecord<Event>,
  versionHeader: string,
): string {
  const header = record?.headers.find(([name]) => name.toString() === versionHeader)?.[1]?.toString() ?? ''
  // For people: no version is taken from a header.
  const hint = /^\d{1,15}$/.test(header) ? `; its header says version ${header}` : ''
  return `the record at partition ${partition}, offset ${offset} cannot be read (${fault?.cause}: ${fault?.detail})${hint}`
}

/** Records of whole keys, by key, version and place; of one with more records than the bound, its lowest versions alone. */
export async function nextStaged(db: Tx, after: string, most: number): Promise<{ staged: Staged[]; more: boolean }> {
  const { rows } = await db.query<{
    id: string
    key: string
    version: string | null
    event_id: string | null
    detail: string | null
  }>(
    `SELECT id, key, version, event_id, detail FROM log_event WHERE key > $1
     ORDER BY key, version NULLS LAST, id LIMIT $2`,
    [after, most],
  )
  const staged = rows.map((row) => ({
    id: Number(row.id),
    key: row.key,
    version: row.version === null ? null : Number(row.version),
    eventId: row.event_id,
    detail: row.detail,
  }))
  const last = staged.at(-1)?.key
  if (rows.length < most || last === staged[0]?.key) return { staged, more: rows.length === most }
  return { staged: staged.filter(({ key }) => key !== last), more: false }
}

const recordColumns = 'id, partition, log_offset, key, value'

interface Row {
  id: string
  partition: number
  log_offset: string
  key: string
  value: Buffer | null
}

const asRecord = ({ id, partition, log_offset, key, value }: Row) => ({
  id: Number(id),
  partition,
  offset: BigInt(log_offset),
  timestamp: 0n,
  key: Buffer.from(key),
  value,
  headers: [],
})
export type StagedRecord = ReturnType<typeof asRecord>

export async function stagedRecords(db: Tx, ids: readonly number[]): Promise<StagedRecord[]> {
  const { rows } = await db.query<Row>(`SELECT ${recordColumns} FROM log_event WHERE id = ANY ($1)`, [ids])
  return rows.map(asRecord)
}

/** Some that could not be read when they were last tried. */
export async function unreadable(db: Tx, after: number, most: number): Promise<StagedRecord[]> {
  const { rows } = await db.query<Row>(
    `SELECT ${recordColumns} FROM log_event WHERE version IS NULL AND id > $1 ORDER BY id LIMIT $2`,
    [after, most],
  )
  return rows.map(asRecord)
}

/** It can be read now, or not any more, as its schema is gone. */
export async function updateStaged(db: Tx, { id, version, eventId, detail }: Omit<Staged, 'key'>): Promise<void> {
  const values = [id, version, eventId, detail]
  await db.query('UPDATE log_event SET version = $2, event_id = $3, detail = $4 WHERE id = $1', values)
}

export async function removeStaged(tx: Tx, ids: readonly number[]): Promise<void> {
  if (ids.length > 0) await tx.query('DELETE FROM log_event WHERE id = ANY ($1)', [ids])
}

/** The first record of the highest version that can be read of a key. */
export async function newestStaged(db: Tx, key: string): Promise<(StagedRecord & { version: number }) | undefined> {
  const { rows } = await db.query<Row & { version: string }>(
    `SELECT ${recordColumns}, version FROM log_event WHERE key = $1 AND version IS NOT NULL
     ORDER BY version DESC, id LIMIT 1`,
    [key],
  )
  return rows[0] && { ...asRecord(rows[0]), version: Number(rows[0].version) }
}
