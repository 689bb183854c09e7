import type { Tx } from '@inorder/storage/transaction.ts'
import type { Shipment } from './shipment.ts'

interface Row {
  order_id: string
  status: Shipment['status']
  shipping_cost: string
  currency: string
  handed_over: boolean
  label: string | null
  tracking: string | null
  reason: string | null
}

export async function load(db: Tx, orderIds: readonly string[]): Promise<Map<string, Shipment>> {
  const { rows } = await db.query<Row>({
    name: 'load-shipments',
    text: `SELECT order_id, status, shipping_cost, currency, handed_over, label, tracking, reason
           FROM shipments WHERE order_id = ANY($1::text[])`,
    values: [orderIds],
  })
  return new Map(
    rows.map(({ order_id, shipping_cost, handed_over, ...row }) => [
      order_id,
      { ...row, shippingCost: Number(shipping_cost), handedOver: handed_over },
    ]),
  )
}

export async function save(tx: Tx, changed: ReadonlyMap<string, Shipment>): Promise<void> {
  const shipments = [...changed.values()]
  await tx.query({
    name: 'save-shipments',
    text: `INSERT INTO shipments (order_id, status, shipping_cost, currency, handed_over, label, tracking, reason)
           SELECT * FROM unnest($1::text[], $2::text[], $3::numeric[], $4::text[], $5::boolean[], $6::text[], $7::text[],
             $8::text[])
           ON CONFLICT (order_id) DO UPDATE SET status = excluded.status, handed_over = excluded.handed_over,
             label = excluded.label, tracking = excluded.tracking, reason = excluded.reason, updated_at = now()`,
    values: [
      [...changed.keys()],
      shipments.map(({ status }) => status),
      shipments.map(({ shippingCost }) => shippingCost),
      shipments.map(({ currency }) => currency),
      shipments.map(({ handedOver }) => handedOver),
      shipments.map(({ label }) => label),
      shipments.map(({ tracking }) => tracking),
      shipments.map(({ reason }) => reason),
    ],
  })
}

export const find = async (db: Tx, orderId: string): Promise<Shipment | undefined> =>
  (await load(db, [orderId])).get(orderId)
