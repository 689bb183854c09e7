import type { Tx } from '@inorder/storage/transaction.ts'
import type { Entry, Place } from '../inbox/order.ts'
import type { Reference, SourceRecord } from '../inbox/record.ts'

type State = Place['state']

interface PlaceRow {
  order_id: string
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

export interface BytesRow {
  topic_id: string
  partition: number
  record_offset: string
  record_key: Buffer | null
  record_value: Buffer | null
  headers: [string, string | null][]
  recorded_ms: string
  reference: Reference | null
}

/**
 * What is parked of these orders, in order of arrival, without its bytes. Of the records behind a poison one only those
 * with one of these event ids: there may be many, and all they are asked for is whether an arriving event is among them.
 */
export async function placesOf<Event>(
  tx: Tx,
  orderIds: readonly string[],
  eventIds: readonly string[],
): Promise<Entry<Event>[]> {
  const { rows } = await tx.query<PlaceRow>({
    name: 'parked-places',
    text: `SELECT order_id, topic_id, partition, record_offset, state, cause, detail, attempts, version, event_id
           FROM parked WHERE order_id = ANY($1::text[]) AND NOT orderless
             AND (state IN ('head', 'waiting') OR state = 'behind' AND event_id = ANY($2::text[]))
           ORDER BY seq`,
    values: [orderIds, eventIds],
  })
  return rows.map((row) => {
    const { state, cause, detail, attempts } = row
    const before = { state, cause, detail, attempts }
    return {
      orderId: row.order_id,
      orderless: false,
      topicId: row.topic_id,
      partition: row.partition,
      offset: BigInt(row.record_offset),
      version: row.version === null ? null : Number(row.version),
      eventId: row.event_id,
      record: undefined,
      decoded: undefined,
      fault: undefined,
      before,
      place: before,
    }
  })
}

export interface ParkedRecord {
  readonly topicId: string
  readonly record: SourceRecord
  /** Belongs to no order, only bears its name. */
  readonly orderless: boolean
  readonly place: Place
  readonly version: number | null
  readonly parkedAt: Date
}

/** All that is parked under this name, with its bytes, in order of arrival; locked, for what has no order whose row could be. */
export async function lockParked(tx: Tx, orderId: string): Promise<ParkedRecord[]> {
  const { rows } = await tx.query<BytesRow & PlaceRow & { orderless: boolean; parked_at: Date }>(
    'SELECT * FROM parked WHERE order_id = $1 ORDER BY seq FOR UPDATE',
    [orderId],
  )
  return rows.map((row) => ({
    topicId: row.topic_id,
    record: recordOf(row),
    orderless: row.orderless,
    place: placeOf(row),
    version: row.version === null ? null : Number(row.version),
    parkedAt: row.parked_at,
  }))
}

/** The first five bytes of what these records hold: there the wire format names the schema. */
export async function valueStarts(db: Tx, orderId: string): Promise<Buffer[]> {
  const { rows } = await db.query<{ start: Buffer }>(
    'SELECT DISTINCT substr(record_value, 1, 5) AS start FROM parked WHERE order_id = $1 AND record_value IS NOT NULL',
    [orderId],
  )
  return rows.map(({ start }) => start)
}

/** The original bytes of what waits for a gap in these orders. */
export async function waitingRecords(
  tx: Tx,
  orderIds: readonly string[],
): Promise<{ topicId: string; record: SourceRecord }[]> {
  const { rows } = await tx.query<BytesRow>(
    `SELECT topic_id, partition, record_offset, record_key, record_value, headers, recorded_ms, reference
     FROM parked WHERE order_id = ANY($1::text[]) AND NOT orderless AND state = 'waiting'`,
    [orderIds],
  )
  return rows.map((row) => ({ topicId: row.topic_id, record: recordOf(row) }))
}

const buffer = (base64: string) => Buffer.from(base64, 'base64')

const recordOf = (row: BytesRow): SourceRecord => ({
  partition: row.partition,
  offset: BigInt(row.record_offset),
  timestamp: BigInt(row.recorded_ms),
  key: row.record_key,
  value: row.record_value,
  headers: row.headers.map(([key, value]) => [buffer(key), value === null ? null : buffer(value)] as const),
  ...(row.reference && { reference: row.reference }),
})

const keys = 'order_id text, topic_id uuid, partition int, record_offset bigint'
const same = `p.order_id = r.order_id AND p.topic_id = r.topic_id
  AND p.partition = r.partition AND p.record_offset = r.record_offset`

const remove = `DELETE FROM parked AS p USING json_to_recordset($1) AS r (${keys}) WHERE ${same}`

const move = `
UPDATE parked AS p SET state = r.state, cause = r.cause, detail = r.detail, attempts = r.attempts,
  version = r.version, event_id = r.event_id
FROM json_to_recordset($1)
  AS r (${keys}, state text, cause text, detail text, attempts int, version bigint, event_id text) WHERE ${same}`

// A record that is read a second time (a restored database or log) finds itself parked already.
const insert = `
INSERT INTO parked (order_id, orderless, topic_id, partition, record_offset, topic, state, cause, detail, attempts,
  version, event_id, record_key, record_value, headers, recorded_ms, reference)
SELECT order_id, orderless, topic_id, partition, record_offset, $2, state, cause, detail, attempts,
  version, event_id, decode(record_key, 'base64'), decode(record_value, 'base64'), headers, recorded_ms, reference
FROM json_to_recordset($1) AS r (${keys}, n int, orderless boolean, state text, cause text, detail text, attempts int,
  version bigint, event_id text, record_key text, record_value text, headers jsonb, recorded_ms bigint,
  reference json)
ORDER BY n
ON CONFLICT DO NOTHING`

/** Writes where these entries are now: parked anew, elsewhere, or no more. */
export async function savePlaces<Event>(tx: Tx, topic: string, entries: Iterable<Entry<Event>>): Promise<void> {
  const removed = []
  const moved = []
  const added = []
  for (const entry of entries) {
    if (!entry.place && entry.before) removed.push(keyOf(entry))
    else if (entry.place && entry.before) moved.push({ ...keyOf(entry), ...readOf(entry), ...placeOf(entry.place) })
    else if (entry.place) {
      added.push({ ...keyOf(entry), ...readOf(entry), ...placeOf(entry.place), ...bytesOf(entry), n: added.length })
    }
  }
  if (removed.length > 0) await tx.query(remove, [JSON.stringify(removed)])
  if (moved.length > 0) await tx.query(move, [JSON.stringify(moved)])
  if (added.length > 0) await tx.query(insert, [JSON.stringify(added), topic])
}

const keyOf = <Event>({ orderId, topicId, partition, offset }: Entry<Event>) => ({
  order_id: orderId,
  topic_id: topicId,
  partition,
  record_offset: String(offset),
})

const placeOf = ({ state, cause, detail, attempts }: Place) => ({
  state,
  cause,
  detail,
  attempts,
})

const readOf = <Event>({ version, eventId }: Entry<Event>) => ({ version, event_id: eventId })

function bytesOf<Event>({ record, orderless }: Entry<Event>) {
  if (!record) throw new Error('a record to be parked has no bytes')
  return {
    orderless,
    record_key: record.key?.toString('base64') ?? null,
    record_value: record.value?.toString('base64') ?? null,
    headers: record.headers.map(([key, value]) => [key.toString('base64'), value?.toString('base64') ?? null]),
    recorded_ms: String(record.timestamp),
    reference: record.reference ?? null,
  }
}
