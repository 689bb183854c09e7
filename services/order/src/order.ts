import { shippingCostOf } from '@inorder/contracts/money.ts'
import type { Order } from '@inorder/contracts/order.ts'
import type { OrderEvent } from '@inorder/contracts/order-event.ts'

/** What the order service knows of an order. */
export interface ReceivedOrder {
  order: Order
  version: number
  shippingCost: number
}

/**
 * The order after an event. An event carries the whole order, so none is impossible in itself and the state before it
 * does not matter; that versions are complete and ascend is the inbox's promise. A currency without minor units throws.
 */
export function apply(_before: ReceivedOrder | undefined, event: OrderEvent): ReceivedOrder {
  const { order, version } = event
  return { order, version, shippingCost: shippingCostOf(order.totalAmount, order.currency) }
}
