import { columns } from '@inorder/storage/columns.ts'
import { sqlState } from '@inorder/storage/sqlstate.ts'
import { type Tx, transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'

/** What is sent of a row. */
export interface OutboxRow {
  readonly eventId: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly fingerprint: string | null
  /** As `encodeHeaders` made them. */
  readonly headers: string
  readonly bytes: number
  readonly origin: string
}

/** What is asked of one lane. */
interface LaneRead {
  topic: string
  partition: number
  maxBytes: number
  /** Where it is read from, and where it was before the floor passed rows that are set aside. */
  floor: bigint
  base: bigint
  /** Ids of the rows that were set aside when the floor moved. */
  knownAside: readonly string[]
  /** Events that Kafka has acknowledged and that are not known to be deleted. */
  acknowledged: Iterable<string>
}

export interface LaneRows {
  rows: OutboxRow[]
  /** Id of the first. */
  first?: bigint
  /** A limit cut them off. */
  more: boolean
  /** Ids of the lane's rows that are set aside. */
  aside: string[]
}

/** Of one lane, in a read and in a request. */
export const maxRows = 500

type Cells = [
  number,
  string | null,
  string,
  Buffer | null,
  Buffer | null,
  string | null,
  string,
  number,
  string,
  boolean,
  string[] | null,
]

/** The first rows of each lane from its floor on. Never "id > the last one read": ids commit out of order. */
export async function readLanes(pool: Pool, lanes: readonly LaneRead[]): Promise<LaneRows[]> {
  const { rows } = await pool.query<Cells>({
    name: 'outbox-read',
    text: `SELECT lane, id::text, event_id::text, key, value, fingerprint, headers::text, bytes, origin, more,
             aside::text[]
           FROM outbox_read($1, $2, $3, $4, $5, $6, $7, ${maxRows})`,
    rowMode: 'array',
    values: columns(lanes, ({ topic, partition, floor, base, knownAside, maxBytes, acknowledged }) => [
      topic,
      partition,
      floor,
      base,
      `{${knownAside.join()}}`,
      maxBytes,
      `{${[...acknowledged].join()}}`,
    ]),
  })
  const found = lanes.map((): LaneRows => ({ rows: [], more: false, aside: [] }))
  for (const [n, id, eventId, key, value, fingerprint, headers, bytes, origin, more, aside] of rows) {
    const lane = found[n - 1]!
    lane.aside = aside ?? []
    if (id === null) continue
    lane.first ??= BigInt(id)
    lane.rows.push({ eventId, key, value, fingerprint, headers, bytes, origin })
    lane.more = more
  }
  return found
}

/** The last id that was drawn, and then the transactions that may be adding rows. */
export async function readAdders(pool: Pool): Promise<{ lastId: bigint; adders: string[] }> {
  const { rows } = await pool.query<{ last_id: string; adders: string[] }>({
    name: 'outbox-adders',
    text: 'SELECT last_id::text, adders FROM outbox_adders()',
  })
  const { last_id, adders } = rows[0]!
  return { lastId: BigInt(last_id), adders }
}

export async function deleteRows(pool: Pool, eventIds: readonly string[]): Promise<void> {
  await pool.query({
    name: 'outbox-delete',
    text: 'SELECT outbox_delete($1)',
    values: [eventIds],
  })
}

/** Kafka refuses this row for good. `cause` is a short stable slug. */
export async function setAside(
  pool: Pool,
  eventId: string,
  { cause, detail }: { cause: string; detail: string },
): Promise<void> {
  await pool.query('UPDATE outbox SET set_aside_at = now(), cause = $2, detail = $3 WHERE event_id = $1', [
    eventId,
    cause,
    detail,
  ])
}

/** These rows are no longer set aside: their lanes read them again, and the rows of their keys behind them. */
export async function retrySetAside(tx: Tx, eventIds: readonly string[]): Promise<void> {
  await tx.query(
    `UPDATE outbox SET set_aside_at = NULL, cause = NULL, detail = NULL
     WHERE event_id = ANY ($1::uuid[]) AND set_aside_at IS NOT NULL`,
    [eventIds],
  )
}

/** How many lanes each topic's rows are spread over. */
export async function readTopics(pool: Pool): Promise<Map<string, number>> {
  const { rows } = await pool.query<{ topic: string; partitions: number }>('SELECT topic, partitions FROM outbox_topic')
  return new Map(rows.map(({ topic, partitions }) => [topic, partitions]))
}

/**
 * From now on rows of a topic are added to so many lanes. The lock waits for those who are adding rows and holds back
 * those who come, so that afterwards no row gets into a lane of before.
 */
export async function declareTopic(pool: Pool, topic: string, partitions: number): Promise<void> {
  await transaction(pool, async (tx) => {
    await tx.query('LOCK TABLE outbox IN SHARE ROW EXCLUSIVE MODE')
    await tx.query(
      `INSERT INTO outbox_topic (topic, partitions) VALUES ($1, $2)
       ON CONFLICT (topic) DO UPDATE SET partitions = excluded.partitions`,
      [topic, partitions],
    )
  })
}

/** Moves the rows that are in a lane of before. In pieces: a full outbox takes longer than a statement may. */
export async function relane(pool: Pool, topic: string, partitions: number): Promise<void> {
  const move = `
    UPDATE outbox SET partition = key_hash % $2::int WHERE event_id IN (
      SELECT event_id FROM outbox WHERE topic = $1 AND partition <> key_hash % $2::int LIMIT 5000)`
  while ((await pool.query(move, [topic, partitions])).rowCount !== 0);
}

export interface Waiting {
  waiting: number
  /** Seconds since the oldest of them came. */
  oldest: number
  aside: number
}

/** Of each lane, and of what is set aside: a scrape must stay cheap however much waits. */
export const mostCounted = 10_000

/** What waits in these lanes. */
export async function measure(
  pool: Pool,
  lanes: readonly Pick<LaneRead, 'topic' | 'partition' | 'base'>[],
): Promise<Waiting> {
  const { rows } = await pool.query<Waiting>({
    text: `SELECT coalesce(sum(counted), 0)::int AS waiting,
             coalesce(extract(epoch FROM now() - min(since)), 0)::float8 AS oldest,
             (SELECT count(*)::int FROM (
               SELECT FROM outbox WHERE set_aside_at IS NOT NULL LIMIT ${mostCounted}
             ) AS r) AS aside
           FROM unnest($1::text[], $2::int[], $3::bigint[]) AS lane (topic, partition, base), LATERAL (
             SELECT count(*) AS counted, min(created_at) AS since FROM (
               SELECT created_at FROM outbox AS o
               WHERE o.topic = lane.topic AND o.partition = lane.partition AND o.id >= lane.base
               ORDER BY o.id LIMIT ${mostCounted}
             ) AS r
           ) AS first`,
    values: columns(lanes, ({ topic, partition, base }) => [topic, partition, base]),
  })
  return rows[0]!
}

/** So long at most writers wait for what looks whether the outbox is empty: less than a group waits for a lock. */
const shrinkMs = 50

/**
 * Gives its room back to the disk, where it is empty and nobody uses it at this moment; not where it would take long, because
 * of dead rows that a vacuum had to leave.
 */
export async function shrinkIfEmpty(pool: Pool): Promise<void> {
  try {
    await transaction(pool, async (tx) => {
      await tx.query(`SET LOCAL statement_timeout = ${shrinkMs}`)
      await tx.query('SELECT outbox_shrink()')
    })
  } catch (error) {
    if (sqlState(error) !== '57014') throw error
  }
}

// Autovacuum looks once a minute; at 7,500 rows a second the table would by then be 20 times as large.
const deadBeforeVacuum = 20_000

/**
 * Vacuums where enough rows are dead. Returns how many it had to leave, because somebody's snapshot may still see them: the
 * next one, given that, waits for as many new ones, or it would do little else.
 */
export async function vacuumIfDue(pool: Pool, left: number): Promise<number> {
  const dead = async () => {
    const { rows } = await pool.query<{ dead: number }>(
      `SELECT n_dead_tup::int AS dead FROM pg_stat_all_tables WHERE relid = 'outbox'::regclass`,
    )
    return rows[0]?.dead ?? 0
  }
  const now = await dead()
  // Autovacuum may have been there.
  const stayed = Math.min(left, now)
  if (now < stayed + Math.max(deadBeforeVacuum, stayed)) return stayed
  await pool.query('VACUUM (TRUNCATE OFF) outbox')
  return dead()
}
