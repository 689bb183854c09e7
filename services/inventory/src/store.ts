import { columns } from '@inorder/storage/columns.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import type { ReservationStatus } from './allocation.ts'
import type { Demand, Line } from './demand.ts'

export async function load(tx: Tx, orderIds: readonly string[]): Promise<Map<string, Demand>> {
  const { rows } = await tx.query<Demand & { orderId: string }>({
    name: 'load-demands',
    text: 'SELECT order_id AS "orderId", state, lines FROM demand WHERE order_id = ANY($1)',
    values: [orderIds],
  })
  return new Map(rows.map(({ orderId, ...demand }) => [orderId, demand]))
}

/** Tells the allocator of those that are new or have changed. Rows are added to its list, so neither waits for the other. */
export async function save(tx: Tx, changed: ReadonlyMap<string, Demand>): Promise<void> {
  await tx.query({
    name: 'save-demands',
    text: `WITH saved AS (
             INSERT INTO demand (order_id, state, lines) SELECT * FROM unnest($1::text[], $2::text[], $3::json[])
             ON CONFLICT (order_id) DO UPDATE SET state = excluded.state WHERE demand.state <> excluded.state
             RETURNING order_id)
           INSERT INTO demand_change (order_id) SELECT order_id FROM saved`,
    values: columns(changed, ([orderId, { state, lines }]) => [orderId, state, JSON.stringify(lines)]),
  })
}

export interface Stock {
  itemId: string
  onHand: number
  reserved: number
}

// A count is small enough for JavaScript's numbers (answers.ts).
const stock = 'item_id AS "itemId", on_hand::float8 AS "onHand", reserved::float8'

export async function findStock(db: Tx, itemId: string): Promise<Stock | undefined> {
  const { rows } = await db.query<Stock>(`SELECT ${stock} FROM stock WHERE item_id = $1`, [itemId])
  return rows[0]
}

/** What there is of an item, which nobody changes before this transaction ends. */
export async function lockStock(tx: Tx, itemId: string): Promise<Stock | undefined> {
  const { rows } = await tx.query<Stock>(`SELECT ${stock} FROM stock WHERE item_id = $1 FOR UPDATE`, [itemId])
  return rows[0]
}

/** Undefined, and unchanged, when more is reserved than that. The allocator will look who waits for it. */
export async function setOnHand(tx: Tx, itemId: string, onHand: number): Promise<Stock | undefined> {
  const { rows } = await tx.query<Stock>(
    `INSERT INTO stock (item_id, on_hand, received, recheck) VALUES ($1, $2, $2, now())
     ON CONFLICT (item_id) DO UPDATE SET
       on_hand = excluded.on_hand, received = stock.received + excluded.on_hand - stock.on_hand,
       recheck = coalesce(stock.recheck, now())
     WHERE stock.reserved <= excluded.on_hand
     RETURNING ${stock}`,
    [itemId, onHand],
  )
  return rows[0]
}

export interface Reservation {
  status: ReservationStatus
  lines: readonly Line[]
  /** What was not there when it was shipped. */
  short: readonly Line[]
}

/** Undefined until the allocator has decided. */
export async function findReservation(db: Tx, orderId: string): Promise<Reservation | undefined> {
  const { rows } = await db.query<Reservation>(
    `SELECT status, lines, short FROM reservation JOIN demand USING (order_id) WHERE order_id = $1`,
    [orderId],
  )
  return rows[0]
}
