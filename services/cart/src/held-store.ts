// Orders as log recovery and its operator meet them, in SQL (rule 12).
import type { Hold } from '@inorder/messaging/outbox/recover-keys.ts'
import { columns } from '@inorder/storage/columns.ts'
import type { Tx } from '@inorder/storage/transaction.ts'

interface HeldOrder {
  orderId: string
  /** 0: nothing is known of it. */
  version: number
  hold: Hold
  since: string
}

// Held as long as the transaction lasts, that is until the verdict is there; what is made here has no version yet.
const makeMissing = `
  INSERT INTO orders (order_id, version, event_id, status, body, held_since)
  SELECT order_id, 0, '00000000-0000-0000-0000-000000000000', '', '{}', now()
  FROM unnest($1::text[]) AS new (order_id) ORDER BY order_id COLLATE "C"
  ON CONFLICT (order_id) DO NOTHING`

/** Their versions, locked. What does not exist is made at version 0: whoever creates it meanwhile waits for the verdict. */
export async function lockRecovered(tx: Tx, orderIds: readonly string[]): Promise<Map<string, number>> {
  await tx.query(makeMissing, [orderIds])
  const { rows } = await tx.query<{ order_id: string; version: string }>(
    'SELECT order_id, version FROM orders WHERE order_id = ANY ($1) ORDER BY order_id FOR UPDATE',
    [orderIds],
  )
  return new Map(rows.map((row) => [row.order_id, Number(row.version)]))
}

/** Says of each of these orders, which are locked, whether it is held. */
export async function saveHolds(tx: Tx, orders: readonly { key: string; hold: Hold | undefined }[]): Promise<void> {
  const values = columns(orders, ({ key, hold }) => [key, hold ? JSON.stringify(hold) : null])
  await tx.query(
    `UPDATE orders SET held = new.held,
       held_since = CASE WHEN new.held IS NOT NULL THEN coalesce(held_since, now()) END
     FROM unnest($1::text[], $2::json[]) AS new (order_id, held)
     WHERE orders.order_id = new.order_id AND (new.held IS NOT NULL OR held_since IS NOT NULL)`,
    values,
  )
}

interface Row {
  order_id: string
  version: string
  held: Hold
  held_since: Date
}
const held = 'order_id, version, held, held_since'
const fromRow = (row: Row): HeldOrder => ({
  orderId: row.order_id,
  version: Number(row.version),
  hold: row.held,
  since: row.held_since.toISOString(),
})

export async function heldOrders(db: Tx, after: string, limit: number): Promise<HeldOrder[]> {
  const { rows } = await db.query<Row>(
    `SELECT ${held} FROM orders WHERE held_since IS NOT NULL AND order_id > $1 ORDER BY order_id LIMIT $2`,
    [after, limit],
  )
  return rows.map(fromRow)
}

/** Locked until the transaction ends. Undefined: it is not held. */
export async function lockHeld(tx: Tx, orderId: string): Promise<HeldOrder | undefined> {
  const { rows } = await tx.query<Row>(
    `SELECT ${held} FROM orders WHERE order_id = $1 AND held_since IS NOT NULL FOR UPDATE`,
    [orderId],
  )
  return rows[0] && fromRow(rows[0])
}

/** The order goes on at this version; at 0 it does not exist, and may be created. */
export async function endHold(tx: Tx, orderId: string, version: number): Promise<void> {
  if (version === 0) await tx.query('DELETE FROM orders WHERE order_id = $1', [orderId])
  else
    await tx.query('UPDATE orders SET version = $2, held = NULL, held_since = NULL WHERE order_id = $1', [
      orderId,
      version,
    ])
}
