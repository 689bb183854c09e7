// What is parked, as operators see it.

import type { Tx } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import { type List, listOf } from '../outbox/ops.ts'
import { pausedCause } from './key-state.ts'
import type { ParkedEvent, ParkedKey, Redriven, Standing, StateOfKey } from './ops.ts'
import type { ParkedRecord } from './parked-store.ts'
import { pairs } from './store.ts'

/** A record's place. */
export const event = `topic_id || '/' || partition || '/' || record_offset AS event`
const columns = `${event}, state, cause, detail, attempts, version::float8, parked_at`
type ShownRow = Omit<ParkedEvent, 'parkedAt'> & { parked_at: Date }
const shown = ({ parked_at, ...row }: ShownRow): ParkedEvent => ({ ...row, parkedAt: parked_at.toISOString() })

const headFirst = `array_position(ARRAY['head', 'waiting', 'conflict', 'behind'], state), seq`
const matches = `($1::text IS NULL OR cause = $1 AND state <> 'behind')`

const parkedPage = `
WITH page AS (SELECT DISTINCT key FROM parked WHERE key > $2 AND ${matches} ORDER BY key LIMIT $3)
SELECT page.key, first.cause, total.count, total.since, first.event
FROM page
CROSS JOIN LATERAL (
  SELECT cause, ${event} FROM parked WHERE key = page.key AND ${matches} ORDER BY ${headFirst} LIMIT 1
) AS first
CROSS JOIN LATERAL (
  SELECT count(*)::int, min(parked_at) AS since FROM parked WHERE key = page.key
) AS total
ORDER BY page.key`

/** Keys of which something is parked, by id; with a cause, those that it holds up, not those that only wait behind. */
export async function parkedKeys(
  pool: Pool,
  { cause, limit = 100, after }: { cause?: string; limit?: number; after?: string } = {},
): Promise<List<ParkedKey>> {
  const values = [cause, after ?? '', limit + 1]
  const { rows } = await pool.query<Omit<ParkedKey, 'since'> & { since: Date }>(parkedPage, values)
  const keys = rows.map((row) => ({ ...row, since: row.since.toISOString() }))
  return listOf(keys, limit, ({ key }) => key)
}

/** The first keys that something holds up for this cause, and how much is parked of each. */
export async function keysHeldBy(pool: Pool, cause: string, limit: number): Promise<{ key: string; count: number }[]> {
  const { rows } = await pool.query<{ key: string; count: number }>(
    `SELECT key, (SELECT count(*)::int FROM parked WHERE parked.key = held.key) AS count
     FROM (SELECT DISTINCT key FROM parked WHERE cause = $1 AND state <> 'behind' ORDER BY key LIMIT $2) AS held
     ORDER BY key`,
    [cause, limit],
  )
  return rows
}

/** Of one key: whoever may change an order can have any number of events wait behind its head. */
const mostShown = 10_000

/** What is parked of one key, its first events: what holds it up, then in order of arrival. */
export async function parkedEvents(pool: Pool, key: string): Promise<ParkedEvent[]> {
  const { rows } = await pool.query<ShownRow>(
    `SELECT ${columns} FROM parked WHERE key = $1 ORDER BY state <> 'head', seq LIMIT ${mostShown}`,
    [key],
  )
  return rows.map(shown)
}

/** Undefined when no record of it ever came. */
export async function stateOf(pool: Pool, key: string): Promise<StateOfKey | undefined> {
  type Row = Omit<StateOfKey, 'key' | 'appliedAt' | 'events' | 'skipped'> & {
    appliedAt: Date | null
    ranges: number[] | null
  }
  const { rows } = await pool.query<Row>(
    `SELECT applied_version::float8 AS "appliedVersion", event_id AS "eventId", applied_at AS "appliedAt", held,
       skipped::float8[] AS ranges
     FROM inbox_key WHERE key = $1`,
    [key],
  )
  const events = await parkedEvents(pool, key)
  if (rows.length === 0 && events.length === 0) return undefined
  const [first = { appliedVersion: 0, eventId: null, appliedAt: null, held: false, ranges: null }] = rows
  const { ranges, ...row } = first
  const skipped = ranges && { skipped: pairs(ranges) }
  return { key, ...row, appliedAt: row.appliedAt?.toISOString() ?? null, ...skipped, events }
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

/** Undefined when nothing holds the key up, or only that it is paused: that ends by itself, or when somebody resumes it. */
export async function holderOf(pool: Pool, key: string): Promise<Holder | undefined> {
  const { rows } = await pool.query<Omit<Holder, 'since'> & { since: Date }>(
    `SELECT inbox_key.applied_version::float8 AS "appliedVersion", first.*
     FROM inbox_key CROSS JOIN LATERAL (
       SELECT ${event}, state, cause, detail, parked_at AS since FROM parked
       WHERE key = $1 AND state IN ('head', 'waiting') ORDER BY state <> 'head', seq LIMIT 1
     ) AS first
     WHERE key = $1 AND held AND first.cause <> '${pausedCause}'`,
    [key],
  )
  return rows[0] && { ...rows[0], since: rows[0].since.toISOString() }
}

/** Those of these keys that something holds up; not those that are only paused. */
export async function heldAmong(pool: Pool, keys: string[]): Promise<string[]> {
  const { rows } = await pool.query<{ key: string }>(
    `SELECT key FROM inbox_key WHERE key = ANY($1) AND held AND EXISTS (
       SELECT FROM parked WHERE parked.key = inbox_key.key AND state IN ('head', 'waiting')) AND NOT EXISTS (
       SELECT FROM parked WHERE parked.key = inbox_key.key AND state = 'head' AND cause = '${pausedCause}')`,
    [keys],
  )
  return rows.map((row) => row.key)
}

/** The head, or the first that waits for a missing version, or what only bears the key's name. `$2`: also what is the key's own. */
const standingOf = `
SELECT (SELECT count(*)::int FROM parked WHERE key = $1 AND (keyless OR $2)) AS parked, r.* FROM (SELECT) AS one LEFT JOIN LATERAL (
  (SELECT 1 AS rank, ${columns} FROM parked WHERE key = $1 AND $2 AND NOT keyless AND state = 'head' LIMIT 1)
  UNION ALL (SELECT 2, ${columns} FROM parked WHERE key = $1 AND $2 AND NOT keyless AND state = 'waiting'
             ORDER BY parked.version, seq LIMIT 1)
  UNION ALL (SELECT 3, ${columns} FROM parked WHERE key = $1 AND keyless ORDER BY seq LIMIT 1)
  ORDER BY rank LIMIT 1
) AS r ON true`

/** Where a key stands: how much is parked under its name, and what of that holds it up, or `target` if it is given. */
export async function standing(
  tx: Tx,
  key: string,
  appliedVersion: number,
  isLocked: boolean,
  target?: ParkedRecord,
): Promise<Standing> {
  const { rows } = await tx.query<ShownRow & { parked: number; rank: number | null }>(standingOf, [key, isLocked])
  const { parked, rank, ...holder } = rows[0]!
  const event = target
    ? { event: target.event, ...target.parking, version: target.version, parkedAt: target.parkedAt.toISOString() }
    : rank === null
      ? null
      : shown(holder)
  return { appliedVersion, parked, event }
}

export const answerOf = (key: string, applied: number, { parked, event }: Standing): Redriven => ({
  key,
  applied,
  remaining: parked,
  ...(event && { stoppedAt: event.event }),
})
