// What shipping decides about an order. Pure: nothing here knows of HTTP, SQL or Kafka.
//
//   quoted -> requested -> dispatched -> delivered
//      '----------'-> cancelled   '-> recalled          what has ended stays as it is, whatever comes later
//
// It is dispatched when the carrier has given a label and the order is said to be shipped, in whichever order.
import { meaningOf } from '@inorder/contracts/lifecycle.ts'
import { shippingCostOf } from '@inorder/contracts/money.ts'
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import type { Effect } from '@inorder/messaging/inbox/effect.ts'

export interface Shipment {
  status: 'quoted' | 'requested' | 'dispatched' | 'delivered' | 'cancelled' | 'recalled'
  shippingCost: number
  currency: string
  handedOver: boolean
  label: string | null
  tracking: string | null
  reason: string | null
}

/** At which status the carrier is asked for a label: `SHIP_ON`. */
export type ShipOn = 'shipped' | 'confirmed'

interface Next {
  state: Shipment
  effects: readonly Effect[]
}

export function apply(before: Shipment | undefined, { order }: OrderEvent, shipOn: ShipOn): Next {
  const now = before ?? quote(order.totalAmount, order.currency)
  const ask = (kind: string): Effect[] => [{ kind, payload: { orderId: order.orderId } }]
  const same: Next = { state: now, effects: [] }
  const meaning = meaningOf(order.status)
  switch (meaning) {
    case undefined:
    case 'new':
    case 'pending':
      return same
    case 'confirmed':
    case 'paid':
      if (shipOn !== 'confirmed' || now.status !== 'quoted') return same
      return { state: { ...now, status: 'requested' }, effects: ask('label') }
    case 'shipped':
      if (now.status === 'quoted')
        return { state: { ...now, status: 'requested', handedOver: true }, effects: ask('label') }
      if (now.status === 'requested') return { state: dispatched({ ...now, handedOver: true }), effects: [] }
      return same
    case 'delivered':
      if (isOver(now)) return same
      return { state: { ...now, status: 'delivered', handedOver: true }, effects: [] }
    case 'cancelled':
      if (now.status === 'quoted') return { state: { ...now, status: 'cancelled' }, effects: [] }
      // Performed after the label that may still be under way: effects of an order keep their order.
      if (now.status === 'requested') return { state: { ...now, status: 'cancelled' }, effects: ask('cancellation') }
      if (now.status === 'dispatched') return { state: { ...now, status: 'recalled' }, effects: ask('recall') }
      return same
    default:
      return meaning satisfies never
  }
}

/** The carrier's answer to a request for a label; null: it declines. */
export function labelled(now: Shipment, given: { label: string; tracking: string } | null): Shipment {
  if (given) return dispatched({ ...now, ...given })
  return now.status === 'requested' ? { ...now, status: 'cancelled', reason: 'declined by the carrier' } : now
}

const quote = (totalAmount: number, currency: string): Shipment => ({
  status: 'quoted',
  shippingCost: shippingCostOf(totalAmount, currency),
  currency,
  handedOver: false,
  label: null,
  tracking: null,
  reason: null,
})

const dispatched = (now: Shipment): Shipment =>
  now.status === 'requested' && now.handedOver && now.label !== null ? { ...now, status: 'dispatched' } : now

const isOver = ({ status }: Shipment) => status === 'delivered' || status === 'cancelled' || status === 'recalled'
