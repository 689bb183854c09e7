import { answered } from '@inorder/storage/answered.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import { keyHash } from '../kafka/partitioner.ts'
import type { Topic } from '../kafka/topic.ts'
import { actorHeader, requestIdHeader, type Trail } from '../kafka/trail.ts'
import { encodeHeaders } from './headers.ts'
import type { OutboxRow } from './store.ts'

export interface OutboxRecord {
  /** A uuid; the relay tells by it that the record is in Kafka. */
  readonly eventId: string
  readonly topic: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** The schema that `value` was written with (`rememberSchema`), or null: the value goes out as it is. */
  readonly fingerprint: string | null
  readonly headers: Readonly<Record<string, string | Buffer>>
  /** The instance whose request waits for the record. */
  readonly origin: string
  /**
   * Rule 24: the event before it of its key, as it was read under the key's lock; null: it is the key's first. Without it
   * the record is sent from the table alone.
   */
  readonly predecessor?: string | null
}

/** A row that was added, as far as its sender wants to know: from memory it goes out before the table is read. */
export interface AddedRow extends OutboxRow {
  readonly topic: string
  readonly hash: number
  /** The event that has to go out before it; null where there is none, or where that has left the table. */
  readonly after: string | null
}

/** Where an event comes from: the instance that waits for it, the request, and who made that. */
export interface Source extends Trail {
  readonly origin: string
  /** As authenticated; undefined: nobody asked. */
  readonly actor?: string | undefined
}

export type EventRecord = OutboxRecord & { value: Buffer }

/** Without a trace an event begins one, named after it. */
export function traceBegunBy(eventId: string): string {
  const trace = eventId.replaceAll('-', '')
  return `00-${trace}-${trace.slice(16)}-00`
}

/** An event as what the log is told. */
export function outboxRecord<Event>(topic: Topic<Event>, event: Event, source: Source): EventRecord {
  const { origin, traceparent, requestId, actor } = source
  const { eventId } = topic.describe(event)
  return {
    eventId,
    topic: topic.name,
    key: topic.key.encode(event),
    value: topic.value.encode(event),
    fingerprint: topic.value.fingerprint,
    headers: {
      ...topic.headers(event),
      traceparent: traceparent ?? traceBegunBy(eventId),
      ...(requestId && { [requestIdHeader]: requestId }),
      ...(actor && { [actorHeader]: actor }),
    },
    origin,
  }
}

// All bytes travel as one parameter, cut up there: as arrays of bytea (hex, escaped) the same took twice the time.
// A topic that no relay has declared yet counts as one lane; its rows are laned anew when one does.
const insert = `
INSERT INTO outbox (event_id, topic, partition, key_hash, key, value, fingerprint, headers, bytes, origin)
SELECT r.event_id, r.topic, r.key_hash % coalesce(t.partitions, 1), r.key_hash,
  CASE WHEN r.key >= 0 THEN substr($1::bytea, r.at, r.key) END,
  CASE WHEN r.value >= 0 THEN substr($1, r.at + greatest(r.key, 0), r.value) END,
  r.fingerprint,
  convert_from(substr($1, r.at + greatest(r.key, 0) + greatest(r.value, 0), r.headers), 'UTF8')::json,
  greatest(r.key, 0) + greatest(r.value, 0) + r.headers,
  r.origin
FROM unnest($2::uuid[], $3::text[], $4::int[], $5::int[], $6::int[], $7::int[], $8::int[], $9::text[], $10::text[])
  WITH ORDINALITY AS r (event_id, topic, key_hash, at, key, value, headers, fingerprint, origin, n)
LEFT JOIN outbox_topic t ON t.topic = r.topic
ORDER BY r.n`

/**
 * Adds records in their order. Those of one key must come after that key's lock is held (rule 3). Gives those that declare
 * a predecessor: once the transaction is committed the relay may have them.
 */
export async function addToOutbox(tx: Tx, records: readonly OutboxRecord[]): Promise<AddedRow[]> {
  if (records.length === 0) return []
  const bytes: Buffer[] = []
  const starts: number[] = []
  const headerLengths: number[] = []
  let next = 1
  const rows = records.map(({ predecessor, headers: given, ...record }) => {
    const { key, value } = record
    const headers = encodeHeaders(given)
    const encoded = Buffer.from(headers)
    const length = (key?.length ?? 0) + (value?.length ?? 0) + encoded.length
    bytes.push(key ?? nothing, value ?? nothing, encoded)
    starts.push(next)
    headerLengths.push(encoded.length)
    next += length
    return { predecessor, row: { ...record, headers, bytes: length, hash: keyHash(key) } }
  })
  const inserted = tx.query({
    name: 'outbox-add',
    text: insert,
    values: [
      Buffer.concat(bytes),
      records.map((r) => r.eventId),
      records.map((r) => r.topic),
      rows.map(({ row }) => row.hash),
      starts,
      records.map((r) => r.key?.length ?? -1),
      records.map((r) => r.value?.length ?? -1),
      headerLengths,
      records.map((r) => r.fingerprint),
      records.map((r) => r.origin),
    ],
  })
  // A statement of its own, behind the lock: the one that locked the key may have an older snapshot than the commit it met.
  const predecessors = records.flatMap((r) => r.predecessor ?? [])
  const [, waiting] = await answered([inserted, held(tx, predecessors)])
  return rows.flatMap(({ predecessor, row }) => {
    if (predecessor === undefined) return []
    return { ...row, after: predecessor !== null && waiting.has(predecessor) ? predecessor : null }
  })
}

const nothing = Buffer.alloc(0)

/** Those of the events that are in the outbox. */
async function held(tx: Tx, eventIds: readonly string[]): Promise<Set<string>> {
  if (eventIds.length === 0) return new Set()
  const text = 'SELECT outbox_holds($1) AS event_id'
  const { rows } = await tx.query<{ event_id: string }>({ name: 'outbox-holds', text, values: [eventIds] })
  return new Set(rows.map((row) => row.event_id))
}

/** Rules 2 and 6: those of the events that are still in the outbox, or were dropped from it unpublished (rule 12). */
export async function stillInOutbox(tx: Tx, eventIds: readonly string[]): Promise<Set<string>> {
  if (eventIds.length === 0) return new Set()
  const { rows } = await tx.query<{ event_id: string }>({
    name: 'outbox-still-in',
    text: `SELECT outbox_holds($1) AS event_id
           UNION ALL SELECT event_id FROM outbox_dropped WHERE event_id = ANY ($1)`,
    values: [eventIds],
  })
  return new Set(rows.map((row) => row.event_id))
}
