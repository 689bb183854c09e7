// Baseline of the cart: the same HTTP server, with one commit and one awaited publish a request, as it is often written.
// It keeps no promise: a process that dies between the two has stored an order whose event never comes.
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { SchemaRegistry } from '@inorder/messaging/kafka/registry.ts'
import { ProduceAcks, Producer } from '@platformatic/kafka'
import { serveCreates } from './create-server.ts'
import { recordOf } from './created.ts'
import { plainPool, plainTransaction } from './plain-transaction.ts'

const [databaseUrl = '', brokers = '', registryUrl = '', topic = ''] = process.argv.slice(2)
const registry = new SchemaRegistry({ url: registryUrl, deadlineMs: 5_000 })
const schemaId = await registry.idOf(`${topic}-value`, orderEvents.value.schema)
const pool = plainPool(databaseUrl, 64)
await pool.query(`CREATE TABLE IF NOT EXISTS orders (order_id text PRIMARY KEY, customer_id text, order_date timestamptz,
  items json, total_amount numeric(19,4), currency text, status text, version bigint, event_id uuid)`)
const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
  clientId: 'one-by-one',
  bootstrapBrokers: brokers.split(','),
  acks: ProduceAcks.ALL,
  idempotent: true,
})

await serveCreates('one-by-one', async (event) => {
  const { orderId, customerId, orderDate, items, totalAmount, currency, status } = event.order
  await plainTransaction(pool, (tx) =>
    tx.query({
      name: 'insert',
      text: 'INSERT INTO orders VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8)',
      values: [orderId, customerId, orderDate, JSON.stringify(items), totalAmount, currency, status, event.eventId],
    }),
  )
  const { key, value, ...record } = recordOf(topic, schemaId, event)
  await producer.send({ messages: [{ ...record, key: key!, value: value! }] })
})
