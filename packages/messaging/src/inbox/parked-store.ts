import type { Tx } from '@inorder/storage/transaction.ts'
import type { Reference, SourceRecord } from '../kafka/record.ts'
import type { Entry, Parking } from './key-state.ts'
import type { Share } from './redrive-sizes.ts'

type State = Parking['state']

interface ParkingRow {
  key: string
  topic_id: string
  partition: number
  record_offset: string
  state: State
  cause: string
  detail: string
  attempts: number
  version: string | null
  event_id: string | null
}

interface BytesRow {
  topic_id: string
  partition: number
  record_offset: string
  record_key: Buffer | null
  record_value: Buffer | null
  headers: [string, string | null][]
  recorded_ms: string
  reference: Reference | null
}

/** Of these keys the heads, and what is parked already of the versions that arrive. */
export async function parkedBefore<Event>(
  tx: Tx,
  arriving: readonly Entry<Event>[],
): Promise<{ key: string; state: State; version: number | null; eventId: string | null }[]> {
  const versioned = arriving.filter(({ version }) => version !== null)
  const { rows } = await tx.query<Pick<ParkingRow, 'key' | 'state' | 'version' | 'event_id'>>({
    name: 'parked-before',
    text: `SELECT key, state, version, event_id FROM parked
           WHERE key = ANY($1::text[]) AND NOT keyless AND state = 'head'
           UNION ALL
           SELECT p.key, p.state, p.version, p.event_id
           FROM unnest($2::text[], $3::bigint[]) AS a (key, version), unnest('{behind,waiting}'::text[]) AS s (state),
           LATERAL (
             SELECT * FROM parked AS p
             WHERE p.key = a.key AND NOT p.keyless AND p.state = s.state AND p.version = a.version
           ) AS p`,
    values: [
      [...new Set(arriving.map(({ key }) => key))],
      versioned.map(({ key }) => key),
      versioned.map(({ version }) => version),
    ],
  })
  return rows.map(({ key, state, version, event_id }) => ({
    key,
    state,
    version: version === null ? null : Number(version),
    eventId: event_id,
  }))
}

export interface ParkedRecord {
  readonly key: string
  readonly topicId: string
  readonly record: SourceRecord
  /** Belongs to no key, only bears its name. */
  readonly keyless: boolean
  readonly parking: Parking
  readonly version: number | null
  readonly seq: bigint
  readonly parkedAt: Date
}

export type ParkedRow = BytesRow & ParkingRow & { keyless: boolean; parked_at: Date; seq: string }

export const parkedRecord = (row: ParkedRow): ParkedRecord => ({
  key: row.key,
  topicId: row.topic_id,
  record: sourceRecord(row),
  keyless: row.keyless,
  parking: parkingOf(row),
  version: row.version === null ? null : Number(row.version),
  seq: BigInt(row.seq),
  parkedAt: row.parked_at,
})

/** Length of a row's bytes, which does not unpack them. */
const length = 'coalesce(octet_length(record_key), 0) + coalesce(octet_length(record_value), 0)'

/** Of rows `from`, with their bytes: the first ones that are not over `bytes` together, and one at least; `found` is how many `from` has. */
export const withinBytes = (from: string, sequence: string, bytes: string): string => `
SELECT * FROM (
  SELECT *, count(*) OVER () AS found, sum(${length}) OVER (ORDER BY ${sequence}) - (${length}) AS before FROM (${from}) AS r
) AS r WHERE before = 0 OR before < ${bytes} ORDER BY ${sequence}`

const waiting = `
SELECT w.* FROM unnest($1::text[], $2::bigint[]) AS k (key, applied), LATERAL (${withinBytes(
  `SELECT * FROM parked AS p
   WHERE p.key = k.key AND NOT p.keyless AND p.state = 'waiting' AND p.version > k.applied
   ORDER BY p.version, p.seq LIMIT $3`,
  'version, seq',
  '$4',
)}) AS w`

/** The first of what waits for a gap in these keys, with its bytes. `isLast`: there is more than this transaction takes. */
export async function waitingRecords(
  tx: Tx,
  keys: readonly { key: string; version: number }[],
  { records, bytes }: Share,
): Promise<(ParkedRecord & { version: number; isLast: boolean })[]> {
  const { rows } = await tx.query<ParkedRow & { found: string }>({
    name: 'parked-waiting',
    text: waiting,
    values: [keys.map(({ key }) => key), keys.map(({ version }) => version), records + 1, bytes],
  })
  return [...Map.groupBy(rows, (row) => row.key).values()].flatMap((all) => {
    const taken = all.slice(0, records)
    const more = Number(all[0]?.found) > taken.length
    return taken.map((row, n) => {
      const one = parkedRecord(row)
      return { ...one, version: one.version ?? 0, isLast: more && n === taken.length - 1 }
    })
  })
}

const buffer = (base64: string) => Buffer.from(base64, 'base64')

const sourceRecord = (row: BytesRow): SourceRecord => ({
  partition: row.partition,
  offset: BigInt(row.record_offset),
  timestamp: BigInt(row.recorded_ms),
  key: row.record_key,
  value: row.record_value,
  headers: row.headers.map(([key, value]) => [buffer(key), value === null ? null : buffer(value)] as const),
  ...(row.reference && { reference: row.reference }),
})

const placeColumns = 'key text, topic_id uuid, partition int, record_offset bigint'
const same = `p.key = r.key AND p.topic_id = r.topic_id
  AND p.partition = r.partition AND p.record_offset = r.record_offset`

const remove = `DELETE FROM parked AS p USING json_to_recordset($1) AS r (${placeColumns}) WHERE ${same}`

const move = `
UPDATE parked AS p SET state = r.state, cause = r.cause, detail = r.detail, attempts = r.attempts,
  version = r.version, event_id = r.event_id
FROM json_to_recordset($1)
  AS r (${placeColumns}, state text, cause text, detail text, attempts int, version bigint, event_id text) WHERE ${same}`

// A record that is read a second time (a restored database or log) finds itself parked already.
const insert = `
INSERT INTO parked (key, keyless, topic_id, partition, record_offset, topic, state, cause, detail, attempts,
  version, event_id, record_key, record_value, headers, recorded_ms, reference)
SELECT key, keyless, topic_id, partition, record_offset, $2, state, cause, detail, attempts,
  version, event_id, decode(record_key, 'base64'), decode(record_value, 'base64'), headers, recorded_ms, reference
FROM json_to_recordset($1) AS r (${placeColumns}, n int, keyless boolean, state text, cause text, detail text, attempts int,
  version bigint, event_id text, record_key text, record_value text, headers jsonb, recorded_ms bigint,
  reference json)
ORDER BY n
ON CONFLICT DO NOTHING`

/** Writes how these entries are parked now: parked anew, otherwise, or no more. */
export async function saveParked<Event>(tx: Tx, topic: string, entries: Iterable<Entry<Event>>): Promise<void> {
  const removed = []
  const moved = []
  const added = []
  for (const entry of entries) {
    if (!entry.parking && entry.before) removed.push(primaryKeyOf(entry))
    else if (entry.parking && entry.before)
      moved.push({ ...primaryKeyOf(entry), ...readOf(entry), ...parkingOf(entry.parking) })
    else if (entry.parking) {
      added.push({
        ...primaryKeyOf(entry),
        ...readOf(entry),
        ...parkingOf(entry.parking),
        ...bytesOf(entry),
        n: added.length,
      })
    }
  }
  if (removed.length > 0) await tx.query(remove, [JSON.stringify(removed)])
  if (moved.length > 0) await tx.query(move, [JSON.stringify(moved)])
  if (added.length > 0) await tx.query(insert, [JSON.stringify(added), topic])
}

const primaryKeyOf = <Event>({ key, topicId, partition, offset }: Entry<Event>) => ({
  key,
  topic_id: topicId,
  partition,
  record_offset: String(offset),
})

const parkingOf = ({ state, cause, detail, attempts }: Parking) => ({
  state,
  cause,
  detail,
  attempts,
})

const readOf = <Event>({ version, eventId }: Entry<Event>) => ({ version, event_id: eventId })

function bytesOf<Event>({ record, keyless }: Entry<Event>) {
  if (!record) throw new Error('a record to be parked has no bytes')
  return {
    keyless,
    record_key: record.key?.toString('base64') ?? null,
    record_value: record.value?.toString('base64') ?? null,
    headers: record.headers.map(([key, value]) => [key.toString('base64'), value?.toString('base64') ?? null]),
    recorded_ms: String(record.timestamp),
    reference: record.reference ?? null,
  }
}

export async function removeParked(tx: Tx, { key, topicId, record }: ParkedRecord): Promise<void> {
  await tx.query('DELETE FROM parked WHERE key = $1 AND topic_id = $2 AND partition = $3 AND record_offset = $4', [
    key,
    topicId,
    record.partition,
    record.offset,
  ])
}
