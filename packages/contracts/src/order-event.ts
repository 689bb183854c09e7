import type { Order } from './order.ts'

/** A change of an order that is accepted, with the whole order after it. */
export interface OrderEvent {
  readonly eventId: string
  /** `OrderCreated`, `OrderStatusChanged`, and what later services add. */
  readonly type: string
  readonly orderId: string
  /** Of the order after the change: 1, 2, 3, ... */
  readonly version: number
  /** UTC with milliseconds. */
  readonly occurredAt: string
  readonly order: Order
  /** Null for a created order. */
  readonly previousStatus: string | null
}
