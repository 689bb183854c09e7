// Writes as a test makes them.
import { randomUUID } from 'node:crypto'
import type { Write } from './group.ts'
import { requestHash } from './idempotency.ts'
import { created, eventOf } from './order.ts'
import { recordOf } from './order-record.ts'

const record: Write['record'] = (now, previous) => recordOf(eventOf(now, previous, new Date()), 'cart')

export function create(orderId: string, key?: string): Write {
  const eventId = randomUUID()
  const order = {
    orderId,
    customerId: 'c',
    orderDate: '2026-01-01T00:00:00.000Z',
    items: [{ itemId: 'a', quantity: 1, price: 1 }],
    totalAmount: 1,
    currency: 'EUR',
    status: 'new',
  }
  const use = key === undefined ? undefined : { key, operation: 'POST /create-order', hash: requestHash(orderId) }
  return { eventId, key: use, create: created(order, eventId), record }
}

export function change(orderId: string, status: string, key?: string): Write {
  const hash = requestHash([orderId, status])
  return {
    eventId: randomUUID(),
    key: key === undefined ? undefined : { key, operation: 'PUT /update-order', hash },
    change: { orderId, status, accepts: () => true, permits: () => true },
    record,
  }
}
