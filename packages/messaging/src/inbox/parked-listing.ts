import type { Pool } from 'pg'
import type { List } from '../outbox/ops.ts'
import type { ParkedEvent, ParkedKey, StateOfKey } from './ops.ts'

const event = `topic_id || '/' || partition || '/' || record_offset AS event`
const headFirst = `array_position(ARRAY['head', 'waiting', 'conflict', 'behind'], state), seq`
const matches = `($1::text IS NULL OR cause = $1 AND state <> 'behind')`

const parkedPage = `
WITH page AS (SELECT DISTINCT key FROM parked WHERE key > $2 AND ${matches} ORDER BY key LIMIT $3)
SELECT page.key, first.cause, first.event, total.count, total.since
FROM page
CROSS JOIN LATERAL (
  SELECT cause, ${event} FROM parked WHERE key = page.key AND ${matches} ORDER BY ${headFirst} LIMIT 1
) AS first
CROSS JOIN LATERAL (
  SELECT count(*) AS count, min(parked_at) AS since FROM parked WHERE key = page.key
) AS total
ORDER BY page.key`

/** Keys of which something is parked, by id; with a cause, those that it holds up, not those that only wait behind. */
export async function parkedKeys(
  pool: Pool,
  { cause, limit = 100, after }: { cause?: string; limit?: number; after?: string } = {},
): Promise<List<ParkedKey>> {
  const { rows } = await pool.query<{ key: string; cause: string; event: string; count: string; since: Date }>(
    parkedPage,
    [cause ?? null, after ?? '', limit + 1],
  )
  const items = rows.slice(0, limit).map((row) => ({
    key: row.key,
    cause: row.cause,
    count: Number(row.count),
    since: row.since.toISOString(),
    event: row.event,
  }))
  return { items, next: rows.length > limit ? (items.at(-1)?.key ?? null) : null }
}

/** All keys that something holds up for this cause, and how much is parked of each. */
export async function keysHeldBy(pool: Pool, cause: string): Promise<{ key: string; count: number }[]> {
  const { rows } = await pool.query<{ key: string; count: string }>(
    `SELECT key, count(*) FROM parked
     WHERE key IN (SELECT key FROM parked WHERE cause = $1 AND state <> 'behind')
     GROUP BY key ORDER BY key`,
    [cause],
  )
  return rows.map((row) => ({ key: row.key, count: Number(row.count) }))
}

/** What is parked of one key: what holds it up first, then in order of arrival. */
export async function parkedEvents(pool: Pool, key: string): Promise<ParkedEvent[]> {
  const { rows } = await pool.query<
    Omit<ParkedEvent, 'version' | 'parkedAt'> & { version: string | null; parked_at: Date }
  >(
    `SELECT ${event}, state, cause, detail, version, parked_at, attempts FROM parked
     WHERE key = $1 ORDER BY state <> 'head', seq`,
    [key],
  )
  return rows.map(({ version, parked_at, ...rest }) => ({
    ...rest,
    version: version === null ? null : Number(version),
    parkedAt: parked_at.toISOString(),
  }))
}

/** Undefined when no record of it ever came. */
export async function stateOf(pool: Pool, key: string): Promise<StateOfKey | undefined> {
  const { rows } = await pool.query<{
    applied_version: string
    event_id: string | null
    applied_at: Date | null
    held: boolean
  }>('SELECT applied_version, event_id, applied_at, held FROM inbox_key WHERE key = $1', [key])
  const events = await parkedEvents(pool, key)
  const row = rows[0]
  if (!row && events.length === 0) return undefined
  return {
    key,
    appliedVersion: Number(row?.applied_version ?? 0),
    eventId: row?.event_id ?? null,
    appliedAt: row?.applied_at?.toISOString() ?? null,
    held: row?.held ?? false,
    events,
  }
}

/** The event that holds a key up, and the version that the key has reached. */
export interface Holder {
  appliedVersion: number
  event: string
  state: string
  cause: string
  detail: string
  since: string
}

type HolderRow = Omit<Holder, 'appliedVersion' | 'since'> & { version: string; parked_at: Date }

/** Undefined when nothing holds the key up. */
export async function holderOf(pool: Pool, key: string): Promise<Holder | undefined> {
  const { rows } = await pool.query<HolderRow>(
    `SELECT inbox_key.applied_version AS version, first.*
     FROM inbox_key CROSS JOIN LATERAL (
       SELECT ${event}, state, cause, detail, parked_at FROM parked
       WHERE key = $1 AND state IN ('head', 'waiting') ORDER BY state <> 'head', seq LIMIT 1
     ) AS first
     WHERE key = $1 AND held`,
    [key],
  )
  if (!rows[0]) return undefined
  const { version, parked_at, ...rest } = rows[0]
  return { ...rest, appliedVersion: Number(version), since: parked_at.toISOString() }
}

/** Those of these keys that something holds up. */
export async function heldAmong(pool: Pool, keys: string[]): Promise<string[]> {
  const { rows } = await pool.query<{ key: string }>(
    `SELECT key FROM inbox_key WHERE key = ANY($1) AND held AND EXISTS (
       SELECT FROM parked WHERE parked.key = inbox_key.key AND state IN ('head', 'waiting'))`,
    [keys],
  )
  return rows.map((row) => row.key)
}
