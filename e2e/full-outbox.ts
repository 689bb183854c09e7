// An outbox as a long outage leaves it, put there with SQL: through the API it would take minutes.
import { randomUUID } from 'node:crypto'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { addToOutbox, type OutboxRecord } from '@inorder/messaging/outbox/outbox.ts'
import pg from 'pg'

/** Events of so many new orders, `waiting-0` and on, as the cart would have written them. */
export async function fillOutbox(databaseUrl: string, rows: number): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    for (let from = 0; from < rows; from += 1_000) {
      const records = Array.from({ length: Math.min(1_000, rows - from) }, (_, n) => created(`waiting-${from + n}`))
      await addToOutbox(client, records)
    }
  } finally {
    await client.end()
  }
}

function created(orderId: string): OutboxRecord {
  const now = new Date().toISOString()
  const items = [{ itemId: 'i-1', quantity: 2, price: 1.25 }]
  const order = { orderId, customerId: 'c-1', orderDate: now, items, totalAmount: 2.5, currency: 'USD', status: 'new' }
  const eventId = randomUUID()
  const event = { eventId, type: 'OrderCreated', orderId, version: 1, occurredAt: now, order, previousStatus: null }
  return {
    eventId,
    topic: orderEvents.name,
    key: orderEvents.key.encode(event),
    value: orderEvents.value.encode(event),
    fingerprint: orderEvents.value.fingerprint,
    headers: orderEvents.headers(event),
    origin: 'cart-1',
  }
}
