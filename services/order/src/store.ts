import { columns } from '@inorder/storage/columns.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import type { ReceivedOrder } from './order.ts'

// The nearest double of an amount prints as it: money has at most 15 digits.
const received = 'body AS "order", version::float8, shipping_cost::float8 AS "shippingCost"'

/** One statement for the batch, prepared once a session: at 1,000 orders a transaction parsing and planning would show. */
export async function save(tx: Tx, changed: ReadonlyMap<string, ReceivedOrder>): Promise<void> {
  await tx.query({
    name: 'save-orders',
    text: `INSERT INTO orders (order_id, version, status, customer_id, shipping_cost, body)
           SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::numeric[], $6::json[])
           ON CONFLICT (order_id) DO UPDATE SET
             version = excluded.version, status = excluded.status, customer_id = excluded.customer_id,
             shipping_cost = excluded.shipping_cost, body = excluded.body, updated_at = now()`,
    values: columns(changed.values(), ({ order, version, shippingCost }) => [
      order.orderId,
      version,
      order.status,
      order.customerId,
      shippingCost,
      JSON.stringify(order),
    ]),
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

interface OrderFilter {
  status: string | null
  customerId: string | null
  /** Only orders that sort after this id. */
  after: string
  limit: number
}

/**
 * Sorted by order id. The sequence that is asked for leaves one index that has it: planned by what was known of the table
 * when it was small, a page of a rare status was looked for among all orders.
 */
export async function list(db: Tx, { status, customerId, after, limit }: OrderFilter): Promise<ReceivedOrder[]> {
  const column = customerId !== null ? 'customer_id' : status !== null ? 'status' : undefined
  const page = column
    ? `(${column}, order_id) > ($3, $1) AND ${column} <= $3 AND ($4::text IS NULL OR status = $4) ORDER BY ${column}, order_id`
    : 'order_id > $1 ORDER BY order_id'
  const { rows } = await db.query<ReceivedOrder>(`SELECT ${received} FROM orders WHERE ${page} LIMIT $2`, [
    after,
    limit,
    ...(column ? [customerId ?? status, status] : []),
  ])
  return rows
}
