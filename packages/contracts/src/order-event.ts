import { type Static, Type } from 'typebox'
import { Order, OrderId, text, time } from './order.ts'

/** A change of an order that is accepted, with the whole order after it. */
export const OrderEvent = Type.Object({
  eventId: Type.String({ format: 'uuid' }),
  type: text(128, 'OrderCreated, OrderStatusChanged, and what later services add'),
  orderId: OrderId,
  version: Type.Integer({ minimum: 1, description: 'Of the order after the change: 1, 2, 3, ...' }),
  occurredAt: time('UTC with milliseconds'),
  order: Order,
  previousStatus: Type.Unsafe<string | null>({ ...text(64, 'Null for a created order'), type: ['string', 'null'] }),
})
export type OrderEvent = Readonly<Static<typeof OrderEvent>>
