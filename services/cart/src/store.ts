// The orders of the cart in SQL. Statements take whole groups and are prepared once a session (`name`).
import type { Order } from '@inorder/contracts/order.ts'
import { columns } from '@inorder/storage/columns.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import type { Versioned } from './order.ts'

const insertOrders = `
  INSERT INTO orders (order_id, customer_id, order_date, items, total_amount, currency, status, version, event_id)
  SELECT order_id, customer_id, order_date, items, total_amount, currency, status, 1, event_id
  FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::json[], $5::numeric[], $6::text[], $7::text[], $8::uuid[])
    AS new (order_id, customer_id, order_date, items, total_amount, currency, status, event_id)
  ORDER BY order_id COLLATE "C"
  ON CONFLICT (order_id) DO NOTHING`

const eventsOf = `
  SELECT order_id, event_id, CASE WHEN version = 0 THEN held->>'detail' END AS held
  FROM orders WHERE order_id = ANY ($1)`

const all = `order_id, customer_id, order_date, items, total_amount, currency, status, version, event_id,
  held->>'detail' AS held`
const readOrder = `SELECT ${all} FROM orders WHERE order_id = $1`
const lockOrders = `SELECT ${all} FROM orders WHERE order_id = ANY ($1) ORDER BY order_id FOR UPDATE`
const lockFreeOrders = `${lockOrders} SKIP LOCKED`
const existing = 'SELECT order_id FROM orders WHERE order_id = ANY ($1)'

const updateOrders = `
  UPDATE orders SET status = new.status, version = new.version, event_id = new.event_id
  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::uuid[]) AS new (order_id, status, version, event_id)
  WHERE orders.order_id = new.order_id`

interface Row {
  order_id: string
  customer_id: string
  order_date: Date
  items: Order['items']
  total_amount: string
  currency: string
  status: string
  version: string
  event_id: string
  held: string | null
}

const fromRow = (row: Row): Versioned => ({
  order: {
    orderId: row.order_id,
    customerId: row.customer_id,
    orderDate: row.order_date.toISOString(),
    items: row.items,
    totalAmount: Number(row.total_amount),
    currency: row.currency,
    status: row.status,
  },
  version: Number(row.version),
  eventId: row.event_id,
  ...(row.held !== null && { held: row.held }),
})

const cellsOf = ({ orderId, customerId, orderDate, items, totalAmount, currency, status }: Order) => [
  orderId,
  customerId,
  orderDate,
  JSON.stringify(items),
  totalAmount,
  currency,
  status,
]

/**
 * Inserts new orders, in the order of their ids. Returns the ids that were taken already, which are left as they were; with
 * a reason where nothing else is known of such an order than that it is held.
 */
export async function createOrders(tx: Tx, orders: readonly Versioned[]): Promise<Map<string, string | null>> {
  const values = columns(orders, (row) => [...cellsOf(row.order), row.eventId])
  const { rowCount } = await tx.query({ name: 'insert-orders', text: insertOrders, values })
  if (rowCount === orders.length) return new Map()
  // Not RETURNING: that would send every id back for the sake of the rare one that is taken.
  const { rows } = await tx.query<Pick<Row, 'order_id' | 'event_id' | 'held'>>({
    name: 'events-of',
    text: eventsOf,
    values: [orders.map(({ order }) => order.orderId)],
  })
  const found = new Map(rows.map((row) => [row.order_id, row]))
  const taken = new Map<string, string | null>()
  for (const { order, eventId } of orders) {
    const row = found.get(order.orderId)
    // Not there any more: an operator has decided about it in this moment.
    if (row?.event_id !== eventId) taken.set(order.orderId, row ? row.held : 'it was released in this moment')
  }
  return taken
}

/** Reads orders and locks them until the transaction ends, in the order of their ids. What does not exist is absent. */
export async function lockedOrders(tx: Tx, orderIds: readonly string[]): Promise<Map<string, Versioned>> {
  const { rows } = await tx.query<Row>({ name: 'lock-orders', text: lockOrders, values: [orderIds] })
  return new Map(rows.map((row) => [row.order_id, fromRow(row)]))
}

/** The same without waiting: what another transaction holds is not locked, and named in `held`. */
export async function lockedIfFree(
  tx: Tx,
  orderIds: readonly string[],
): Promise<{ locked: Map<string, Versioned>; held: Set<string> }> {
  const { rows } = await tx.query<Row>({ name: 'lock-free-orders', text: lockFreeOrders, values: [orderIds] })
  const locked = new Map(rows.map((row) => [row.order_id, fromRow(row)]))
  const absent = orderIds.filter((orderId) => !locked.has(orderId))
  if (absent.length === 0) return { locked, held: new Set() }
  // What is held is skipped as if it did not exist; so without a lock it is asked which of them do.
  const found = await tx.query<Row>({ name: 'existing-orders', text: existing, values: [absent] })
  return { locked, held: new Set(found.rows.map((row) => row.order_id)) }
}

/** Waits until the order, if there is one, is locked. */
export async function lockOrder(tx: Tx, orderId: string): Promise<void> {
  await tx.query({ name: 'lock-order', text: 'SELECT FROM orders WHERE order_id = $1 FOR UPDATE', values: [orderId] })
}

/** Writes the new versions of orders that this transaction has locked. */
export async function updateLocked(tx: Tx, orders: readonly Versioned[]): Promise<void> {
  const values = columns(orders, ({ order, version, eventId }) => [order.orderId, order.status, version, eventId])
  await tx.query({ name: 'update-orders', text: updateOrders, values })
}

const overwrite = `
  INSERT INTO orders (order_id, customer_id, order_date, items, total_amount, currency, status, version, event_id)
  SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::json[], $5::numeric[], $6::text[], $7::text[],
    $8::bigint[], $9::uuid[]) AS new (order_id)
  ON CONFLICT (order_id) DO UPDATE SET customer_id = excluded.customer_id, order_date = excluded.order_date,
    items = excluded.items, total_amount = excluded.total_amount, currency = excluded.currency,
    status = excluded.status, version = excluded.version, event_id = excluded.event_id`

/** Writes orders, which are locked, as they are given. */
export async function overwriteOrders(tx: Tx, orders: readonly Versioned[]): Promise<void> {
  if (orders.length === 0) return
  const values = columns(orders, ({ order, version, eventId }) => [...cellsOf(order), version, eventId])
  await tx.query(overwrite, values)
}

/** A held order of version 0 is none: nothing but that is known of it. */
export async function orderOf(db: Tx, orderId: string): Promise<Versioned | undefined> {
  const { rows } = await db.query<Row>({ name: 'read-order', text: readOrder, values: [orderId] })
  return rows[0] && fromRow(rows[0])
}
