// Baseline of the cart: the same HTTP server, with one commit and one awaited publish a request, as it is often written.
// It keeps no promise: a process that dies between the two has stored an order whose event never comes.
import { randomUUID } from 'node:crypto'
import { maxTotal, totalOf } from '@inorder/contracts/money.ts'
import { Order } from '@inorder/contracts/order.ts'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { Problem } from '@inorder/contracts/problems.ts'
import { createApp } from '@inorder/http/app.ts'
import { SchemaRegistry } from '@inorder/messaging/kafka/registry.ts'
import { frame } from '@inorder/messaging/kafka/wire-format.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { transaction } from '@inorder/storage/transaction.ts'
import { compatibilityPartitioner, ProduceAcks, Producer } from '@platformatic/kafka'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { Type } from 'typebox'

const [databaseUrl = '', brokers = '', registryUrl = '', topic = ''] = process.argv.slice(2)
const registry = new SchemaRegistry({ url: registryUrl, deadlineMs: 5_000 })
const schemaId = await registry.idOf(`${topic}-value`, orderEvents.value.schema)
const pool = openPool({ url: databaseUrl, name: 'one-by-one', max: 64 })
await pool.query(`CREATE TABLE IF NOT EXISTS orders (order_id text PRIMARY KEY, customer_id text, order_date timestamptz,
  items json, total_amount numeric(19,4), currency text, status text, version bigint, event_id uuid)`)
const producer = new Producer<Buffer, Buffer, string, string>({
  clientId: 'one-by-one',
  bootstrapBrokers: brokers.split(','),
  acks: ProduceAcks.ALL,
  idempotent: true,
  partitioner: compatibilityPartitioner,
  serializers: { headerKey: (name) => Buffer.from(name ?? ''), headerValue: (value) => Buffer.from(value ?? '') },
})

const app = await createApp({
  service: 'one-by-one',
  logger: pino({ level: 'warn' }),
  metrics: new Registry(),
  ready: async () => [],
  openapi: { title: 'one by one', description: 'baseline' },
  access: { HOST: '127.0.0.1' },
})
const { orderId, customerId, items } = Order.properties
const body = Type.Object({ orderId, customerId, items }, { additionalProperties: false })
app.post('/create-order', { schema: { body } }, async (request, reply) => {
  const totalAmount = totalOf(request.body.items)
  if (totalAmount > maxTotal) throw new Problem('invalid-request', 'the total is too large')
  const now = new Date().toISOString()
  const order = { ...request.body, orderDate: now, totalAmount, currency: 'USD', status: 'new' }
  const eventId = randomUUID()
  const event = {
    eventId,
    type: 'OrderCreated',
    orderId: order.orderId,
    version: 1,
    occurredAt: now,
    order,
    previousStatus: null,
  }
  await transaction(pool, (tx) =>
    tx.query({
      name: 'insert',
      text: 'INSERT INTO orders VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8)',
      values: [order.orderId, order.customerId, now, JSON.stringify(order.items), totalAmount, 'USD', 'new', eventId],
    }),
  )
  await producer.send({
    messages: [
      {
        topic,
        key: orderEvents.key.encode(event),
        value: frame(schemaId, orderEvents.value.encode(event)),
        headers: orderEvents.headers(event),
      },
    ],
  })
  return reply.code(201).send(order)
})
console.log(await app.listen({ host: '127.0.0.1', port: 0 }))
process.once('SIGTERM', () => process.exit(0))
