import { columns } from '@inorder/storage/columns.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import type { Shipment } from './shipment.ts'

export async function load(db: Tx, orderIds: readonly string[]): Promise<Map<string, Shipment>> {
  const { rows } = await db.query<Shipment & { orderId: string }>({
    name: 'load-shipments',
    text: `SELECT order_id AS "orderId", status, shipping_cost::float8 AS "shippingCost", currency,
             handed_over AS "handedOver", label, tracking, reason
           FROM shipments WHERE order_id = ANY($1::text[])`,
    values: [orderIds],
  })
  return new Map(rows.map(({ orderId, ...shipment }) => [orderId, shipment]))
}

export async function save(tx: Tx, changed: ReadonlyMap<string, Shipment>): Promise<void> {
  await tx.query({
    name: 'save-shipments',
    text: `INSERT INTO shipments (order_id, status, shipping_cost, currency, handed_over, label, tracking, reason)
           SELECT * FROM unnest($1::text[], $2::text[], $3::numeric[], $4::text[], $5::boolean[], $6::text[], $7::text[],
             $8::text[])
           ON CONFLICT (order_id) DO UPDATE SET status = excluded.status, handed_over = excluded.handed_over,
             label = excluded.label, tracking = excluded.tracking, reason = excluded.reason, updated_at = now()`,
    values: columns(changed, ([orderId, { status, shippingCost, currency, handedOver, label, tracking, reason }]) => [
      orderId,
      status,
      shippingCost,
      currency,
      handedOver,
      label,
      tracking,
      reason,
    ]),
  })
}

export const find = async (db: Tx, orderId: string): Promise<Shipment | undefined> =>
  (await load(db, [orderId])).get(orderId)
