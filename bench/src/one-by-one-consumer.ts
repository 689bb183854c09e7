// Baseline of the order service: one transaction an event, state and position in it.
import { randomUUID } from 'node:crypto'
import { shippingCostOf } from '@inorder/contracts/money.ts'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { unframe } from '@inorder/messaging/kafka/wire-format.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { transaction } from '@inorder/storage/transaction.ts'
import { Consumer } from '@platformatic/kafka'

const [databaseUrl = '', brokers = ''] = process.argv.slice(2)
const pool = openPool({ url: databaseUrl, name: 'one-by-one', max: 2 })
await pool.query(`CREATE TABLE orders (order_id text PRIMARY KEY, version bigint, customer_id text, order_date timestamptz,
  items json, total_amount numeric(19,4), currency text, status text, shipping_cost numeric(19,4));
  CREATE TABLE position (partition int PRIMARY KEY, next_offset bigint)`)
const consumer = new Consumer({ clientId: 'one-by-one', bootstrapBrokers: brokers.split(','), groupId: randomUUID() })
const stream = await consumer.consume({ topics: [orderEvents.name], mode: 'earliest', autocommit: false })
const decode = orderEvents.value.decoder(orderEvents.value.schema)
for await (const { partition, offset, value } of stream) {
  const { order, version } = decode(unframe(value).body)
  const { orderId, customerId, orderDate, items, totalAmount, currency, status } = order
  await transaction(pool, async (tx) => {
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
        shippingCostOf(totalAmount, currency),
      ],
    })
    await tx.query({
      name: 'advance',
      text: 'INSERT INTO position VALUES ($1, $2) ON CONFLICT (partition) DO UPDATE SET next_offset = $2',
      values: [partition, offset + 1n],
    })
  })
}
