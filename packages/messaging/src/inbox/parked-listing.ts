import type { Pool } from 'pg'
import type { List } from '../outbox/ops.ts'
import type { OrderState, ParkedEvent, ParkedOrder } from './ops.ts'

const event = `topic_id || '/' || partition || '/' || record_offset AS event`
const headFirst = `array_position(ARRAY['head', 'waiting', 'conflict', 'behind'], state), seq`
const matches = `($1::text IS NULL OR cause = $1 AND state <> 'behind')`

const orders = `
WITH page AS (SELECT DISTINCT order_id FROM parked WHERE order_id > $2 AND ${matches} ORDER BY order_id LIMIT $3)
SELECT page.order_id, first.cause, first.event, total.count, total.since
FROM page
CROSS JOIN LATERAL (
  SELECT cause, ${event} FROM parked WHERE order_id = page.order_id AND ${matches} ORDER BY ${headFirst} LIMIT 1
) AS first
CROSS JOIN LATERAL (
  SELECT count(*) AS count, min(parked_at) AS since FROM parked WHERE order_id = page.order_id
) AS total
ORDER BY page.order_id`

/** Orders of which something is parked, by id; with a cause, those that it holds up, not those that only wait behind. */
export async function parkedOrders(
  pool: Pool,
  { cause, limit, after }: { cause?: string; limit: number; after?: string },
): Promise<List<ParkedOrder>> {
  const { rows } = await pool.query<{ order_id: string; cause: string; event: string; count: string; since: Date }>(
    orders,
    [cause ?? null, after ?? '', limit + 1],
  )
  const items = rows.slice(0, limit).map((row) => ({
    orderId: row.order_id,
    cause: row.cause,
    count: Number(row.count),
    since: row.since.toISOString(),
    event: row.event,
  }))
  return { items, next: rows.length > limit ? (items.at(-1)?.orderId ?? null) : null }
}

/** All orders that something holds up for this cause, and how much is parked of each. */
export async function ordersHeldBy(pool: Pool, cause: string): Promise<{ orderId: string; count: number }[]> {
  const { rows } = await pool.query<{ order_id: string; count: string }>(
    `SELECT order_id, count(*) FROM parked
     WHERE order_id IN (SELECT order_id FROM parked WHERE cause = $1 AND state <> 'behind')
     GROUP BY order_id ORDER BY order_id`,
    [cause],
  )
  return rows.map((row) => ({ orderId: row.order_id, count: Number(row.count) }))
}

/** What is parked of one order: what holds it up first, then in order of arrival. */
export async function parkedEvents(pool: Pool, orderId: string): Promise<ParkedEvent[]> {
  const { rows } = await pool.query<
    Omit<ParkedEvent, 'version' | 'parkedAt'> & { version: string | null; parked_at: Date }
  >(
    `SELECT ${event}, state, cause, detail, version, parked_at, attempts FROM parked
     WHERE order_id = $1 ORDER BY state <> 'head', seq`,
    [orderId],
  )
  return rows.map(({ version, parked_at, ...rest }) => ({
    ...rest,
    version: version === null ? null : Number(version),
    parkedAt: parked_at.toISOString(),
  }))
}

/** Undefined when no record of it ever came. */
export async function orderState(pool: Pool, orderId: string): Promise<OrderState | undefined> {
  const { rows } = await pool.query<{
    applied_version: string
    event_id: string | null
    applied_at: Date | null
    held: boolean
  }>('SELECT applied_version, event_id, applied_at, held FROM inbox_order WHERE order_id = $1', [orderId])
  const events = await parkedEvents(pool, orderId)
  const row = rows[0]
  if (!row && events.length === 0) return undefined
  return {
    orderId,
    appliedVersion: Number(row?.applied_version ?? 0),
    eventId: row?.event_id ?? null,
    appliedAt: row?.applied_at?.toISOString() ?? null,
    held: row?.held ?? false,
    events,
  }
}

/** The event that holds an order up, and the version that the order has reached. */
export interface Holder {
  appliedVersion: number
  event: string
  state: string
  cause: string
  detail: string
  since: string
}

type HolderRow = Omit<Holder, 'appliedVersion' | 'since'> & { version: string; parked_at: Date }

/** Undefined when nothing holds the order up. */
export async function holderOf(pool: Pool, orderId: string): Promise<Holder | undefined> {
  const { rows } = await pool.query<HolderRow>(
    `SELECT inbox_order.applied_version AS version, first.*
     FROM inbox_order CROSS JOIN LATERAL (
       SELECT ${event}, state, cause, detail, parked_at FROM parked
       WHERE order_id = $1 AND state IN ('head', 'waiting') ORDER BY state <> 'head', seq LIMIT 1
     ) AS first
     WHERE order_id = $1 AND held`,
    [orderId],
  )
  if (!rows[0]) return undefined
  const { version, parked_at, ...rest } = rows[0]
  return { ...rest, appliedVersion: Number(version), since: parked_at.toISOString() }
}

/** Those of these orders that something holds up. */
export async function heldAmong(pool: Pool, orderIds: string[]): Promise<string[]> {
  const { rows } = await pool.query<{ order_id: string }>(
    `SELECT order_id FROM inbox_order WHERE order_id = ANY($1) AND held AND EXISTS (
       SELECT FROM parked WHERE parked.order_id = inbox_order.order_id AND state IN ('head', 'waiting'))`,
    [orderIds],
  )
  return rows.map((row) => row.order_id)
}
