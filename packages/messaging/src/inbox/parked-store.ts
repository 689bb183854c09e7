// What is parked, as records that are taken up again and written back.
import { answered } from '@inorder/storage/answered.ts'
import { columns } from '@inorder/storage/columns.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import { parsePlace, placeName } from '../kafka/event.ts'
import type { Reference, SourceRecord } from '../kafka/record.ts'
import type { Entry, Parking } from './key-state.ts'
import type { Share } from './redrive-sizes.ts'

/** A row of the table. */
export interface ParkedRow {
  key: string
  keyless: boolean
  topic_id: string
  partition: number
  record_offset: string
  seq: string
  state: Parking['state']
  cause: string
  detail: string
  attempts: number
  version: string | null
  event_id: string | null
  record_key: Buffer | null
  record_value: Buffer | null
  headers: [string, string | null][]
  recorded_ms: string
  reference: Reference | null
  parked_at: Date
}

/** Of these keys the heads, and what is parked already of the versions that arrive. */
export async function parkedBefore<Event>(
  tx: Tx,
  arriving: readonly Entry<Event>[],
): Promise<{ key: string; state: Parking['state']; version: number | null; eventId: string | null }[]> {
  const versioned = arriving.filter(({ version }) => version !== null)
  return (
    await tx.query({
      name: 'parked-before',
      text: `SELECT key, state, version::float8, event_id AS "eventId" FROM parked
           WHERE key = ANY($1::text[]) AND NOT keyless AND state = 'head'
           UNION ALL
           SELECT p.key, p.state, p.version::float8, p.event_id
           FROM unnest($2::text[], $3::bigint[]) AS a (key, version), unnest('{behind,waiting}'::text[]) AS s (state),
           LATERAL (
             SELECT * FROM parked AS p
             WHERE p.key = a.key AND NOT p.keyless AND p.state = s.state AND p.version = a.version OFFSET 0
           ) AS p`,
      values: [
        [...new Set(arriving.map(({ key }) => key))],
        versioned.map(({ key }) => key),
        versioned.map(({ version }) => version),
      ],
    })
  ).rows
}

export interface ParkedRecord {
  readonly key: string
  readonly topicId: string
  /** Its place. */
  readonly event: string
  readonly record: SourceRecord
  /** Belongs to no key, only bears its name. */
  readonly keyless: boolean
  readonly parking: Parking
  readonly version: number | null
  readonly seq: bigint
  readonly parkedAt: Date
}

const buffer = (base64: string) => Buffer.from(base64, 'base64')

export function parkedRecord(row: ParkedRow): ParkedRecord {
  const { key, keyless, topic_id, partition, state, cause, detail, attempts, reference } = row
  const offset = BigInt(row.record_offset)
  return {
    key,
    topicId: topic_id,
    event: placeName(topic_id, { partition, offset }),
    record: {
      partition,
      offset,
      timestamp: BigInt(row.recorded_ms),
      key: row.record_key,
      value: row.record_value,
      headers: row.headers.map(([name, value]) => [buffer(name), value === null ? null : buffer(value)] as const),
      ...(reference && { reference }),
    },
    keyless,
    parking: { state, cause, detail, attempts },
    version: row.version === null ? null : Number(row.version),
    seq: BigInt(row.seq),
    parkedAt: row.parked_at,
  }
}

/** The parked record of this place, locked: what belongs to no key has no row that could be. `isLocked`: also what is the key's own. */
export async function findParked(
  tx: Tx,
  key: string,
  event: string,
  isLocked: boolean,
): Promise<ParkedRecord | undefined> {
  const place = parsePlace(event)
  if (!place) return undefined
  const { rows } = await tx.query<ParkedRow>(
    `SELECT * FROM parked WHERE key = $1 AND topic_id = $2 AND partition = $3 AND record_offset = $4
       AND (keyless OR $5) FOR UPDATE`,
    [key, place.topicId, place.partition, place.offset, isLocked],
  )
  return rows[0] && parkedRecord(rows[0])
}

/** Length of a row's bytes. Key and value are not unpacked for it; headers are, which a producer can pack to nothing. */
const length =
  'coalesce(octet_length(record_key), 0) + coalesce(octet_length(record_value), 0) + octet_length(headers::text)'

/** Of rows `from`, with their bytes: the first ones that are not over `bytes` together, and one at least; `found` is how many `from` has. */
export const withinBytes = (from: string, sequence: string, bytes = '$4'): string => `
SELECT * FROM (
  SELECT *, count(*) OVER () AS found, sum(${length}) OVER (ORDER BY ${sequence}) - (${length}) AS before FROM (${from}) AS r
) AS r WHERE before = 0 OR before < ${bytes} ORDER BY ${sequence}`

const waiting = `
SELECT w.* FROM unnest($1::text[], $2::bigint[]) AS k (key, applied), LATERAL (${withinBytes(
  `SELECT * FROM parked AS p
   WHERE p.key = k.key AND NOT p.keyless AND p.state = 'waiting' AND p.version > k.applied
   ORDER BY p.version, p.seq LIMIT $3`,
  'version, seq',
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
    values: [...columns(keys, ({ key, version }) => [key, version]), records + 1, bytes],
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

type Place = Pick<Entry<never>, 'key' | 'topicId' | 'partition' | 'offset'>
const placeCells = ({ key, topicId, partition, offset }: Place) => [key, topicId, partition, offset]
const parkingCells = <Event>({ parking, version, eventId }: Entry<Event>) => [
  parking?.state,
  parking?.cause,
  parking?.detail,
  parking?.attempts,
  version,
  eventId,
]
const recordCells = <Event>({ record, keyless }: Entry<Event>) => {
  if (!record) throw new Error('a record to be parked has no bytes')
  const headers = record.headers.map(([name, value]) => [name.toString('base64'), value?.toString('base64') ?? null])
  const reference = record.reference && JSON.stringify(record.reference)
  return [keyless, record.key, record.value, JSON.stringify(headers), record.timestamp, reference]
}

const place = 'key, topic_id, partition, record_offset'
const parking = 'state, cause, detail, attempts, version, event_id'
const all = `${place}, ${parking}, keyless, record_key, record_value, headers, recorded_ms, reference`
const places = '$1::text[], $2::uuid[], $3::int[], $4::bigint[]'
const parkings = '$5::text[], $6::text[], $7::text[], $8::int[], $9::bigint[], $10::text[]'
const records = '$11::boolean[], $12::bytea[], $13::bytea[], $14::jsonb[], $15::bigint[], $16::json[]'
const found = `LATERAL (
    SELECT ctid AS at FROM parked WHERE key = r.key AND topic_id = r.topic_id
      AND partition = r.partition AND record_offset = r.record_offset OFFSET 0
  ) AS found
  WHERE p.ctid = found.at`

const remove = `DELETE FROM parked AS p USING unnest(${places}) AS r (${place}), ${found}`

const move = `
UPDATE parked AS p SET state = r.state, cause = r.cause, detail = r.detail, attempts = r.attempts,
  version = r.version, event_id = r.event_id
FROM unnest(${places}, ${parkings}) AS r (${place}, ${parking}), ${found}`

// A record that is read a second time (a restored database or log) finds itself parked already.
const insert = `
INSERT INTO parked (${all}, topic)
SELECT ${all}, $17::text FROM unnest(${places}, ${parkings}, ${records}) WITH ORDINALITY AS r (${all}, n) ORDER BY n
ON CONFLICT DO NOTHING`

/** Writes how these entries are parked now: parked anew, otherwise, or no more. */
export async function saveParked<Event>(tx: Tx, topic: string, entries: Iterable<Entry<Event>>): Promise<void> {
  const changed = [...entries]
  const removed = changed.filter(({ before, parking }) => before && !parking)
  const moved = changed.filter(({ before, parking }) => before && parking)
  const added = changed.filter(({ before, parking }) => !before && parking)
  const cells = (entry: Entry<Event>) => [...placeCells(entry), ...parkingCells(entry)]
  const allCells = (entry: Entry<Event>) => [...cells(entry), ...recordCells(entry)]
  const statements: [string, unknown[]][] = []
  if (removed.length > 0) statements.push([remove, columns(removed, placeCells)])
  if (moved.length > 0) statements.push([move, columns(moved, cells)])
  if (added.length > 0) statements.push([insert, [...columns(added, allCells), topic]])
  await answered(statements.map(([text, values]) => tx.query(text, values)))
}

export const removeParked = (tx: Tx, { key, topicId, record }: ParkedRecord) =>
  tx.query(remove, columns([{ ...record, key, topicId }], placeCells))
