import type { Tx } from '@inorder/storage/transaction.ts'
import type { Allocation, Allotment, OrderDemand } from './allocation.ts'

/** What a round of the allocator looks at, read under its locks. */
interface Round {
  orders: OrderDemand[]
  available: Map<string, number>
  ahead: Map<string, number>
  /** Rows of demand_change. */
  changes: string[]
  /** Items whose queues were looked at, from the first. */
  rechecked: string[]
}

/** A block of the sequence `arrivals`. */
export const mostChanges = 1_000
/** Queues looked into at once. Who is not in the round waits for a later one, and so do the queues of which nobody is. */
const mostQueues = 1_000

// PostgreSQL knows nothing of tables that are young. It would join each as a whole, and read a queue to its end to sort it:
// 51 % of its time. So there is no bitmap (the pool allows no scan), and no choice of a join: a lookup a row (OFFSET 0 keeps it one).
const onlyLookups = `set_config('enable_bitmapscan', 'off', true)`
const lookUpDemand = `LATERAL (
         SELECT json_build_object('state', state, 'lines', lines) AS demand FROM demand WHERE order_id = wanted.order_id OFFSET 0
       ) AS found`

/**
 * At most `limit` changed and about as many waiting orders; undefined when there is nothing to do. One allocator of all
 * instances at a time has the lock; each statement sees what its last holder has committed.
 * A new order gets its place here: a number drawn in the transaction that recorded it could become visible after a higher
 * one was served, and its order would come in ahead of it.
 */
export async function readRound(tx: Tx, limit: number): Promise<Round | undefined> {
  const [, drawn, { rows: changes }, { rows: waiting }] = await Promise.all([
    tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('stock', 0)), ${onlyLookups}`),
    tx.query<{ first: number }>(`SELECT nextval('arrivals')::float8 AS first`),
    tx.query<{ seq: string; arrival: number | null } & Omit<OrderDemand, 'arrival'>>(
      `SELECT seq, order_id AS "orderId", arrival::float8, demand, status
       FROM (SELECT seq, order_id FROM demand_change ORDER BY seq LIMIT $1) AS wanted
       CROSS JOIN ${lookUpDemand}
       LEFT JOIN LATERAL (
         SELECT arrival, status FROM reservation WHERE order_id = wanted.order_id OFFSET 0
       ) AS decided ON true ORDER BY seq`,
      [limit],
    ),
    tx.query<{ itemId: string; orderId: string | null } & Omit<OrderDemand, 'orderId'>>(
      // Of all queues together those who came first: taken queue by queue, most would still wait in one that was not taken.
      `WITH due AS (SELECT item_id FROM stock WHERE recheck IS NOT NULL ORDER BY recheck LIMIT ${mostQueues}),
       wanted AS (
         SELECT due.item_id, order_id, arrival FROM due LEFT JOIN LATERAL (
           SELECT order_id, arrival FROM waiting WHERE waiting.item_id = due.item_id ORDER BY arrival
           LIMIT least($1::int, greatest(1, 20 * $1 / (SELECT count(*) FROM due)))
         ) AS queue ON true ORDER BY arrival NULLS FIRST LIMIT $1)
       SELECT item_id AS "itemId", order_id AS "orderId", arrival::float8, demand, 'backordered' AS status
       FROM wanted LEFT JOIN ${lookUpDemand} ON true`,
      [limit],
    ),
  ])
  if (changes.length === 0 && waiting.length === 0) return undefined

  // Each order once, as it is now, those that changed in the order of their changes.
  const orders = new Map<string, OrderDemand>()
  const first = drawn.rows[0]!.first
  for (const [n, { seq: _, ...order }] of changes.entries())
    if (!orders.has(order.orderId)) orders.set(order.orderId, { ...order, arrival: order.arrival ?? first + n })
  for (const { itemId: _, orderId, ...order } of waiting)
    if (orderId !== null && !orders.has(orderId)) orders.set(orderId, { ...order, orderId })
  return {
    orders: [...orders.values()],
    ...(await readItems(tx, [...orders.values()])),
    changes: changes.map(({ seq }) => seq),
    rechecked: waiting.map(({ itemId }) => itemId),
  }
}

/** Locks the stock of all items of these orders, in sorted order, and finds who else waits for it. */
async function readItems(tx: Tx, orders: readonly OrderDemand[]): Promise<Pick<Round, 'available' | 'ahead'>> {
  const itemIds = [...new Set(orders.flatMap((order) => order.demand.lines.map(({ itemId }) => itemId)))]
  const [stock, ahead] = await Promise.all([
    tx.query<{ id: string; available: number }>(
      `SELECT item_id AS id, (on_hand - reserved)::float8 AS available FROM stock
       WHERE item_id = ANY($1) ORDER BY item_id FOR UPDATE`,
      [itemIds],
    ),
    tx.query<{ id: string; arrival: number }>(
      `SELECT id, first.arrival::float8 FROM unnest($1::text[]) AS item (id) CROSS JOIN LATERAL (
         SELECT arrival FROM waiting WHERE item_id = id AND arrival <> ALL ($2::bigint[]) ORDER BY arrival LIMIT 1
       ) AS first`,
      [itemIds, orders.map(({ arrival }) => arrival)],
    ),
  ])
  return {
    available: new Map(stock.rows.map((row) => [row.id, row.available])),
    ahead: new Map(ahead.rows.map((row) => [row.id, row.arrival])),
  }
}

/** A few statements, whatever the number of orders; of an item it is one row that changes. */
export async function writeRound(tx: Tx, round: Round, { allotments, items }: Allocation): Promise<void> {
  const changed = [...items].map(([id, change]) => ({ id, ...change }))
  const decided = allotments.map(({ order: { orderId, arrival }, status, short }) => ({
    orderId,
    arrival,
    status,
    short,
  }))
  const queueRowsOf = ({ order: { orderId, arrival, demand } }: Allotment) =>
    demand.lines.map(({ itemId }) => ({ itemId, arrival, orderId }))
  const joining = allotments.filter(({ status }) => status === 'backordered').flatMap(queueRowsOf)
  const leaving = allotments.filter(({ order }) => order.status === 'backordered').flatMap(queueRowsOf)
  await Promise.all([
    tx.query('UPDATE stock SET recheck = NULL WHERE item_id = ANY($1)', [round.rechecked]),
    tx.query(
      `UPDATE stock SET
         on_hand = on_hand - change.shipped, shipped = stock.shipped + change.shipped,
         reserved = stock.reserved + change.reserved,
         recheck = CASE WHEN change.recheck THEN now() ELSE stock.recheck END
       FROM json_to_recordset($1) AS change (id text, reserved bigint, shipped bigint, recheck boolean)
       CROSS JOIN LATERAL (SELECT ctid AS place FROM stock WHERE item_id = id OFFSET 0) AS found
       WHERE stock.ctid = place`,
      [JSON.stringify(changed)],
    ),
    tx.query(
      `INSERT INTO reservation (order_id, arrival, status, short)
       SELECT * FROM json_to_recordset($1) AS decided ("orderId" text, arrival bigint, status text, short json)
       ON CONFLICT (order_id) DO UPDATE SET status = excluded.status, short = excluded.short`,
      [JSON.stringify(decided)],
    ),
    tx.query(
      `INSERT INTO waiting (item_id, arrival, order_id)
       SELECT * FROM json_to_recordset($1) AS place ("itemId" text, arrival bigint, "orderId" text)`,
      [JSON.stringify(joining)],
    ),
    tx.query(
      `DELETE FROM waiting USING json_to_recordset($1) AS leaving ("itemId" text, arrival bigint)
       CROSS JOIN LATERAL (
         SELECT ctid AS place FROM waiting WHERE item_id = "itemId" AND arrival = leaving.arrival OFFSET 0
       ) AS found WHERE waiting.ctid = place`,
      [JSON.stringify(leaving)],
    ),
    tx.query('DELETE FROM demand_change WHERE seq = ANY($1)', [round.changes]),
  ])
}
