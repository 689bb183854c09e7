import assert from 'node:assert/strict'
import { test } from 'node:test'
import { minorUnits, totalOf } from '@inorder/contracts/money.ts'
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import Big from 'big.js'
import fc from 'fast-check'
import { apply, type ReceivedOrder } from './order.ts'

const orderCreated = (totalAmount: number, currency = 'USD'): OrderEvent => ({
  eventId: '0b1f7a3e-0000-4000-8000-000000000001',
  type: 'OrderCreated',
  orderId: 'o-1',
  version: 1,
  occurredAt: '2026-11-23T14:20:19.000Z',
  order: {
    orderId: 'o-1',
    customerId: 'c-17',
    orderDate: '2026-11-23T14:20:19.000Z',
    items: [{ itemId: 'i-1', quantity: 1, price: totalAmount }],
    totalAmount,
    currency,
    status: 'new',
  },
  previousStatus: null,
})

const statusChanged = (before: OrderEvent, status: string): OrderEvent => ({
  ...before,
  type: 'OrderStatusChanged',
  version: before.version + 1,
  order: { ...before.order, status },
  previousStatus: before.order.status,
})

const given = (...events: OrderEvent[]) => {
  const state = events.reduce<ReceivedOrder | undefined>(apply, undefined)
  return {
    when: (event: OrderEvent) => {
      const after = () => apply(state, event)
      return {
        thenIs: (expected: ReceivedOrder) => assert.deepEqual(after(), expected),
        thenIsRefused: (pattern: RegExp) => assert.throws(after, pattern),
      }
    },
  }
}

test('a created order has 2 % shipping cost', () => {
  const event = orderCreated(44.98)
  given().when(event).thenIs({ order: event.order, version: 1, shippingCost: 0.9 })
})

test('a changed status is taken, with its version', () => {
  const created = orderCreated(100)
  const paid = statusChanged(created, 'paid')
  given(created)
    .when(paid)
    .thenIs({ order: { ...created.order, status: 'paid' }, version: 2, shippingCost: 2 })
})

test('an event carries the whole order, so it is taken whatever was there before', () => {
  const paid = statusChanged(orderCreated(100), 'paid')
  given().when(paid).thenIs({ order: paid.order, version: 2, shippingCost: 2 })
  const unheardOf = { ...statusChanged(paid, 'gone'), type: 'OrderForgotten', version: 3 }
  given(orderCreated(1), paid).when(unheardOf).thenIs({ order: unheardOf.order, version: 3, shippingCost: 2 })
})

test('shipping cost is rounded half up to the minor unit of the currency', () => {
  const rounded: [totalAmount: number, currency: string, shippingCost: number][] = [
    [0.25, 'USD', 0.01],
    [0.24, 'USD', 0],
    [1.75, 'USD', 0.04],
    [25, 'JPY', 1],
    [24.9999, 'JPY', 0],
    [0.025, 'IQD', 0.001],
    [0.25, 'HUF', 0.01],
    [99_999_999_999.9999, 'USD', 2_000_000_000],
  ]
  for (const [totalAmount, currency, shippingCost] of rounded) {
    assert.equal(
      apply(undefined, orderCreated(totalAmount, currency)).shippingCost,
      shippingCost,
      `${totalAmount} ${currency}`,
    )
  }
})

test('an order in no currency is refused', () => {
  given().when(orderCreated(1, 'QQQ')).thenIsRefused(/QQQ/)
})

test('shipping cost is within half a minor unit of 2 %, and the order is untouched', () => {
  const price = fc.integer({ min: 0, max: 999_999_999_999 }).map((units) => units / 10_000)
  fc.assert(
    fc.property(price, fc.constantFrom('USD', 'JPY', 'IQD', 'CLF'), (amount, currency) => {
      const event = orderCreated(totalOf([{ price: amount, quantity: 1 }]), currency)
      const { order, shippingCost } = apply(undefined, event)
      assert.deepEqual(order, event.order)
      const unit = new Big(10).pow(-minorUnits(currency))
      const error = new Big(shippingCost).minus(new Big(amount).times('0.02'))
      assert.ok(error.lte(unit.div(2)) && error.gt(unit.div(-2)), `${amount} ${currency} -> ${shippingCost}`)
      assert.ok(new Big(shippingCost).mod(unit).eq(0))
    }),
  )
})
