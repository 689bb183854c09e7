// The orders of the cart in SQL. Statements take whole groups and are prepared once a session (`name`).
import type { Order } from '@inorder/contracts/order.ts'
import { columns } from '@inorder/storage/columns.ts'
import { ifBegun, type Tx } from '@inorder/storage/transaction.ts'
import type { CartOrder } from './order.ts'

interface Row {
  order_id: string
  /** Null: there is no such order. */
  version: string | null
  event_id: string
  status: string
  body: Omit<Order, 'status'>
  held: string | null
}

const all = `order_id, version, event_id, status, body, held->>'detail' AS held`

// A number in JSON and JavaScript's number name the same decimal: money has at most 15 digits.
const fromRow = ({ version, event_id: eventId, status, body, held }: Row): CartOrder => ({
  order: { ...body, status },
  version: Number(version),
  eventId,
  ...(held !== null && { held }),
})

const rowsOf = (orders: readonly CartOrder[]) =>
  columns(orders, ({ order: { status, ...body }, version, eventId }) => [
    body.orderId,
    version,
    eventId,
    status,
    JSON.stringify(body),
  ])
const given = `
  SELECT * FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::json[])
    AS given (order_id, version, event_id, status, body)`
const insertOrders = `
  INSERT INTO orders (order_id, version, event_id, status, body) ${given}
  WHERE ${ifBegun}
  ORDER BY order_id COLLATE "C"
  ON CONFLICT (order_id) DO NOTHING`
const takenOrders = `
  SELECT ${all} FROM unnest($1::text[], $2::uuid[]) AS mine (order_id, made_by) LEFT JOIN orders USING (order_id)
  WHERE event_id IS DISTINCT FROM made_by`

/**
 * Inserts new orders, in the order of their ids. Returns those whose ids were taken already, as they are; `locked` where an
 * operator has let the id go in this very moment.
 */
export async function createOrders(tx: Tx, orders: readonly CartOrder[]): Promise<Map<string, CartOrder | 'locked'>> {
  if (orders.length === 0) return new Map()
  const { rowCount } = await tx.query({ name: 'insert-orders', text: insertOrders, values: rowsOf(orders) })
  if (rowCount === orders.length) return new Map()
  // Not RETURNING: that would send every id back for the sake of the rare one that is taken.
  const values = columns(orders, ({ order, eventId }) => [order.orderId, eventId])
  const { rows } = await tx.query<Row>({ name: 'taken-orders', text: takenOrders, values })
  return new Map(rows.map((row) => [row.order_id, row.version === null ? 'locked' : fromRow(row)]))
}

const lockFreeOrders = `
  SELECT ${all} FROM orders WHERE order_id = ANY ($1) AND ${ifBegun} ORDER BY order_id FOR UPDATE SKIP LOCKED`
const existing = 'SELECT order_id FROM orders WHERE order_id = ANY ($1)'

/**
 * Reads orders and locks them until the transaction ends, in the order of their ids, without waiting: `locked` is what
 * another transaction keeps. What does not exist is absent.
 */
export async function lockIfFree(tx: Tx, orderIds: readonly string[]): Promise<Map<string, CartOrder | 'locked'>> {
  if (orderIds.length === 0) return new Map()
  const { rows } = await tx.query<Row>({ name: 'lock-free-orders', text: lockFreeOrders, values: [orderIds] })
  const found = new Map<string, CartOrder | 'locked'>(rows.map((row) => [row.order_id, fromRow(row)]))
  const absent = orderIds.filter((orderId) => !found.has(orderId))
  if (absent.length > 0) {
    // What is locked is skipped as if it did not exist; so without a lock it is asked which of them do.
    const there = await tx.query<Row>({ name: 'existing-orders', text: existing, values: [absent] })
    for (const row of there.rows) found.set(row.order_id, 'locked')
  }
  return found
}

/** Waits until the order, if there is one, is locked. */
export async function lockOrder(tx: Tx, orderId: string): Promise<void> {
  await tx.query({ name: 'lock-order', text: 'SELECT FROM orders WHERE order_id = $1 FOR UPDATE', values: [orderId] })
}

// Looked up one by one (OFFSET 0 keeps it so): the plan of a join, made while there were few orders, reads all of them.
const updateOrders = `
  UPDATE orders SET status = new.status, version = new.version, event_id = new.event_id
  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::uuid[]) AS new (order_id, status, version, event_id), LATERAL (
    SELECT ctid AS place FROM orders WHERE order_id = new.order_id OFFSET 0
  ) AS found
  WHERE orders.ctid = place`

/** Writes the new versions of orders that this transaction has locked: their status is all that changes. */
export async function updateLocked(tx: Tx, orders: readonly CartOrder[]): Promise<void> {
  if (orders.length === 0) return
  const values = columns(orders, ({ order, version, eventId }) => [order.orderId, order.status, version, eventId])
  await tx.query({ name: 'update-orders', text: updateOrders, values })
}

const overwrite = `
  INSERT INTO orders (order_id, version, event_id, status, body) ${given}
  ON CONFLICT (order_id) DO UPDATE SET version = excluded.version, event_id = excluded.event_id,
    status = excluded.status, body = excluded.body`

/** Writes orders, which are locked, as they are given. */
export async function overwriteOrders(tx: Tx, orders: readonly CartOrder[]): Promise<void> {
  if (orders.length > 0) await tx.query(overwrite, rowsOf(orders))
}

const readOrder = `SELECT ${all} FROM orders WHERE order_id = $1`

export async function orderOf(db: Tx, orderId: string): Promise<CartOrder | undefined> {
  const { rows } = await db.query<Row>({ name: 'read-order', text: readOrder, values: [orderId] })
  return rows[0] && fromRow(rows[0])
}
