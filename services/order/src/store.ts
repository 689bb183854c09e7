import type { Order } from '@inorder/contracts/order.ts'
import { columns } from '@inorder/storage/columns.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import type { ReceivedOrder } from './order.ts'

interface Row {
  version: string
  shipping_cost: string
  body: Order
}

// A numeric's text and JavaScript's number name the same decimal: money has at most 15 digits.
const received = (row: Row): ReceivedOrder => ({
  order: row.body,
  version: Number(row.version),
  shippingCost: Number(row.shipping_cost),
})

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
  const { rows } = await db.query<Row>({
    name: 'find-order',
    text: 'SELECT version, shipping_cost, body FROM orders WHERE order_id = $1',
    values: [orderId],
  })
  return rows[0] && received(rows[0])
}

/** The versions of those of these orders that are there. */
export async function versionsOf(db: Tx, orderIds: string[]): Promise<Map<string, number>> {
  const { rows } = await db.query<{ order_id: string; version: string }>(
    'SELECT order_id, version FROM orders WHERE order_id = ANY($1)',
    [orderIds],
  )
  return new Map(rows.map((row) => [row.order_id, Number(row.version)]))
}

export interface OrderFilter {
  status: string | null
  customerId: string | null
  /** Only orders that sort after this id. */
  after: string
  limit: number
}

/** Sorted by order id. Not a prepared statement: planned with its values, so that a filter that is null costs nothing. */
export async function list(db: Tx, { status, customerId, after, limit }: OrderFilter): Promise<ReceivedOrder[]> {
  const { rows } = await db.query<Row>(
    `SELECT version, shipping_cost, body FROM orders
     WHERE order_id > $1 AND ($2::text IS NULL OR status = $2) AND ($3::text IS NULL OR customer_id = $3)
     ORDER BY order_id LIMIT $4`,
    [after, status, customerId, limit],
  )
  return rows.map(received)
}
