import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import type { OrderVersion } from '@inorder/contracts/timeline.ts'
import type { AppliedEvent } from '@inorder/messaging/inbox/handler.ts'
import { actorOf, traceIdOf, traceparentOf } from '@inorder/messaging/kafka/trail.ts'
import { columns } from '@inorder/storage/columns.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import type { ReceivedOrder } from './order.ts'

// The nearest double of an amount prints as it: money has at most 15 digits.
const received = 'body AS "order", version::float8, shipping_cost::float8 AS "shippingCost"'

/**
 * One statement for the batch, prepared once a session: at 1,000 orders a transaction parsing and planning would show. Of each
 * order the newest state, and every version that led to it. A version is there already where what was stored is tried again
 * (rule 17).
 */
export async function save(
  tx: Tx,
  changed: ReadonlyMap<string, ReceivedOrder>,
  applied: readonly AppliedEvent<OrderEvent>[],
): Promise<void> {
  await tx.query({
    name: 'save-orders',
    text: `WITH history AS (
             INSERT INTO order_version
               (order_id, version, status, previous_status, occurred_at, event_id, trace_id, actor)
             SELECT * FROM unnest($7::text[], $8::bigint[], $9::text[], $10::text[], $11::timestamptz[], $12::uuid[],
               $13::uuid[], $14::text[])
             ON CONFLICT DO NOTHING)
           INSERT INTO orders (order_id, version, status, customer_id, shipping_cost, body)
           SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::numeric[], $6::json[])
           ON CONFLICT (order_id) DO UPDATE SET
             version = excluded.version, status = excluded.status, customer_id = excluded.customer_id,
             shipping_cost = excluded.shipping_cost, body = excluded.body, updated_at = now()`,
    values: [
      ...columns(changed.values(), ({ order, version, shippingCost }) => [
        order.orderId,
        version,
        order.status,
        order.customerId,
        shippingCost,
        JSON.stringify(order),
      ]),
      ...columns(applied, ({ key, event: { version, order, previousStatus, occurredAt, eventId }, record }) => [
        key,
        version,
        order.status,
        previousStatus,
        occurredAt,
        eventId,
        traceIdOf(traceparentOf(record)),
        actorOf(record),
      ]),
    ],
  })
}

export async function find(db: Tx, orderId: string): Promise<ReceivedOrder | undefined> {
  const { rows } = await db.query<ReceivedOrder>({
    name: 'find-order',
    text: `SELECT ${received} FROM orders WHERE order_id = $1`,
    values: [orderId],
  })
  return rows[0]
}

/** The versions of those of these orders that are there. */
export async function versionsOf(db: Tx, orderIds: string[]): Promise<Map<string, number>> {
  const { rows } = await db.query<{ orderId: string; version: number }>(
    'SELECT order_id AS "orderId", version::float8 FROM orders WHERE order_id = ANY($1)',
    [orderIds],
  )
  return new Map(rows.map(({ orderId, version }) => [orderId, version]))
}

/** Above `after`, the oldest first; none as well of an order that is not there. */
export async function history(
  db: Tx,
  orderId: string,
  { after, limit }: { after: number; limit: number },
): Promise<OrderVersion[]> {
  const { rows } = await db.query<Omit<OrderVersion, 'occurredAt' | 'appliedAt'> & { occurred: Date; applied: Date }>(
    `SELECT version::float8, status, previous_status AS "previousStatus", occurred_at AS occurred, applied_at AS applied,
       event_id::text AS "eventId", replace(trace_id::text, '-', '') AS "traceId", actor
     FROM order_version WHERE order_id = $1 AND version > $2 ORDER BY version LIMIT $3`,
    [orderId, after, limit],
  )
  return rows.map(({ occurred, applied, ...row }) => ({
    ...row,
    occurredAt: occurred.toISOString(),
    appliedAt: applied.toISOString(),
  }))
}

interface OrderFilter {
  status: string | null
  customerId: string | null
  /** Only orders that sort after this id. */
  after: string
  limit: number
}

export interface OrderPage {
  orders: ReceivedOrder[]
  /** What to go on after; null: there are no more. */
  next: string | null
}

/** Of a customer, for a page of those in one status. */
const mostLookedAt = 10_000

/**
 * Sorted by order id, in a transaction of its own. The sequence that is asked for leaves one index that has it, and without a
 * bitmap it is read in that sequence: planned by what was known of the table when it was small, a page of a rare status was
 * looked for among all orders, and one of a common status was sorted out of all that have it.
 *
 * No index has both filters, as it would cost every order more than the page is worth. So of a customer with very many orders
 * a page ends where it has looked at so many, whatever it has found.
 */
export async function list(tx: Tx, { status, customerId, after, limit }: OrderFilter): Promise<OrderPage> {
  await tx.query(`SELECT set_config('enable_bitmapscan', 'off', true)`)
  const column = customerId !== null ? 'customer_id' : 'status'
  const value = customerId ?? status
  const range =
    value === null
      ? 'FROM orders WHERE order_id > $1 ORDER BY order_id'
      : `FROM orders WHERE (${column}, order_id) > ($2, $1) AND ${column} <= $2 ORDER BY ${column}, order_id`
  const values = value === null ? [after] : [after, value]
  if (customerId === null || status === null) {
    const { rows } = await tx.query<ReceivedOrder>(`SELECT ${received} ${range} LIMIT ${limit + 1}`, values)
    return pageOf(rows, limit)
  }
  const { rows } = await tx.query<ReceivedOrder>(
    `SELECT ${received} FROM (SELECT * ${range} LIMIT ${mostLookedAt}) AS orders WHERE status = $3
     ORDER BY customer_id, order_id LIMIT ${limit + 1}`,
    [...values, status],
  )
  const page = pageOf(rows, limit)
  if (page.next !== null) return page
  // Where orders came between the two statements, what was found may be further on.
  const last = await tx.query<{ id: string }>(
    `SELECT greatest(order_id, $3) AS id ${range} OFFSET ${mostLookedAt - 1} LIMIT 1`,
    [...values, page.orders.at(-1)?.order.orderId ?? ''],
  )
  return { ...page, next: last.rows[0]?.id ?? null }
}

function pageOf(rows: ReceivedOrder[], limit: number): OrderPage {
  const orders = rows.slice(0, limit)
  return { orders, next: rows.length > limit ? orders.at(-1)!.order.orderId : null }
}
