import { randomUUID } from 'node:crypto'
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import type { Line } from './demand.ts'

export const orderEvent = (orderId: string, status: string, lines: readonly Line[], version = 1): OrderEvent => ({
  eventId: randomUUID(),
  type: version === 1 ? 'OrderCreated' : 'OrderStatusChanged',
  orderId,
  version,
  occurredAt: '2026-11-23T14:20:20.000Z',
  order: {
    orderId,
    customerId: 'c-17',
    orderDate: '2026-11-23T14:20:19.000Z',
    items: lines.map(({ itemId, quantity }) => ({ itemId, quantity, price: 0 })),
    totalAmount: 0,
    currency: 'USD',
    status,
  },
  previousStatus: version === 1 ? null : 'new',
})
