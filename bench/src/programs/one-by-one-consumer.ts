// Baseline of the order service: one transaction an event, state and position in it; so many lanes side by side, an order
// always in the same.
import { randomUUID } from 'node:crypto'
import { shippingCostOf } from '@inorder/contracts/money.ts'
import type { Order } from '@inorder/contracts/order.ts'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { keyHash } from '@inorder/messaging/kafka/partitioner.ts'
import { unframe } from '@inorder/messaging/kafka/wire-format.ts'
import { Consumer } from '@platformatic/kafka'
import { plainPool, plainTransaction } from './plain-transaction.ts'

const [databaseUrl = '', brokers = '', topic = '', lanes = '8'] = process.argv.slice(2)
const pool = plainPool(databaseUrl, Number(lanes))
await pool.query(`CREATE TABLE orders (order_id text PRIMARY KEY, version bigint, customer_id text, order_date timestamptz,
  items json, total_amount numeric(19,4), currency text, status text, shipping_cost numeric(19,4));
  CREATE TABLE position (partition int, lane int, next_offset bigint, applied bigint, PRIMARY KEY (partition, lane))`)
const consumer = new Consumer({ clientId: 'one-by-one', bootstrapBrokers: brokers.split(','), groupId: randomUUID() })
const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false })
const decode = orderEvents.value.decoder(orderEvents.value.schema)
const ends: Promise<void>[] = Array.from({ length: Number(lanes) }, () => Promise.resolve())
/** Not read faster than applied. */
const mostWaiting = 100 * ends.length
let waiting = 0
let applied = Promise.withResolvers<void>()

for await (const { partition, offset, key, value } of stream) {
  const { order, version } = decode(unframe(value).body)
  const lane = (keyHash(key) >>> 8) % ends.length
  waiting++
  ends[lane] = ends[lane]!.then(() => apply(order, version, { partition, lane, offset }))
  while (waiting >= mostWaiting) await applied.promise
}

async function apply(order: Order, version: number, at: { partition: number; lane: number; offset: bigint }) {
  const { orderId, customerId, orderDate, items, totalAmount, currency, status } = order
  const shippingCost = shippingCostOf(totalAmount, currency)
  await plainTransaction(pool, async (tx) => {
    await tx.query({
      name: 'save',
      text: `INSERT INTO orders VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (order_id) DO UPDATE SET version = $2, status = $8 WHERE orders.version < $2`,
      values: [
        orderId,
        version,
        customerId,
        orderDate,
        JSON.stringify(items),
        totalAmount,
        currency,
        status,
        shippingCost,
      ],
    })
    await tx.query({
      name: 'advance',
      text: `INSERT INTO position VALUES ($1, $2, $3, 1) ON CONFLICT (partition, lane)
        DO UPDATE SET next_offset = $3, applied = position.applied + 1`,
      values: [at.partition, at.lane, at.offset + 1n],
    })
  })
  waiting--
  applied.resolve()
  applied = Promise.withResolvers()
}
