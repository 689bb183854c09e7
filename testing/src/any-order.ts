// Any order that the contract allows, for fast-check.
import { randomUUID } from 'node:crypto'
import { currencies } from '@inorder/contracts/currencies.ts'
import { amountOf, maxPrice, maxTotal, totalOf, unitsOf } from '@inorder/contracts/money.ts'
import type { Order } from '@inorder/contracts/order.ts'
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import fc from 'fast-check'

const text = (maxLength: number) =>
  fc
    .string({ unit: 'binary', minLength: 1, maxLength })
    .filter((value) => !/[\p{Cc}\p{Cs}]/u.test(value) && [...value].length <= maxLength)

/** Small prices are as likely as the largest. */
export const anyPrice: fc.Arbitrary<number> = fc
  .oneof(fc.integer({ min: 0, max: 100_000 }), fc.integer({ min: 0, max: unitsOf(maxPrice) }))
  .map(amountOf)

const anyItem = fc.record(
  {
    itemId: text(128),
    quantity: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1_000_000 })),
    price: anyPrice,
  },
  { noNullPrototype: true },
)

const anyTime = fc
  .date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
  .map((date) => date.toISOString())

export const anyItems: fc.Arbitrary<Order['items']> = fc
  .array(anyItem, { minLength: 1, maxLength: 20 })
  .filter((items) => totalOf(items) <= maxTotal)

export const anyOrder: fc.Arbitrary<Order> = fc
  .record({
    orderId: text(128),
    customerId: text(128),
    orderDate: anyTime,
    items: anyItems,
    currency: fc.constantFrom(...currencies.keys()),
    status: text(64),
  })
  .map(({ orderId, customerId, orderDate, items, currency, status }) => ({
    orderId,
    customerId,
    orderDate,
    items,
    totalAmount: totalOf(items),
    currency,
    status,
  }))

/** avsc takes longs up to here. */
const maxVersion = Number.MAX_SAFE_INTEGER - 1

export const anyEvent: fc.Arbitrary<OrderEvent> = fc
  .record({
    order: anyOrder,
    type: fc.constantFrom('OrderCreated', 'OrderStatusChanged', 'SomethingNew'),
    version: fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: maxVersion })),
    occurredAt: anyTime,
    previousStatus: fc.option(text(64)),
  })
  .map(({ order, type, version, occurredAt, previousStatus }) => ({
    eventId: randomUUID(),
    type,
    orderId: order.orderId,
    version,
    occurredAt,
    order,
    previousStatus,
  }))
