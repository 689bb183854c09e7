import type { OrderEvent } from './order-event.ts'

/** What descriptions show. */
export const exampleEvent: OrderEvent = {
  eventId: '7b0c8f0e-5a1e-4c55-9d5f-0f3a5a1c2b11',
  type: 'OrderStatusChanged',
  orderId: 'o-1',
  version: 2,
  occurredAt: '2026-11-23T14:20:19.123Z',
  order: {
    orderId: 'o-1',
    customerId: 'c-17',
    orderDate: '2026-11-23T14:20:19.000Z',
    items: [
      { itemId: 'i-1', quantity: 2, price: 19.99 },
      { itemId: 'i-2', quantity: 1, price: 5 },
    ],
    totalAmount: 44.98,
    currency: 'USD',
    status: 'confirmed',
  },
  previousStatus: 'new',
}
