// Any order that the contract allows, for fast-check: made by its schema.
import { randomUUID } from 'node:crypto'
import { currencies } from '@inorder/contracts/currencies.ts'
import { amountOf, maxTotal, totalOf, unitsOf } from '@inorder/contracts/money.ts'
import { Order } from '@inorder/contracts/order.ts'
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import type { Field } from '@inorder/contracts/schema-walk.ts'
import fc from 'fast-check'
import { Type } from 'typebox'

const anyText = (maxLength: number) =>
  fc
    .string({ unit: 'binary', minLength: 1, maxLength })
    .filter((value) => !/[\p{Cc}\p{Cs}]/u.test(value) && [...value].length <= maxLength)

const anyTime = fc
  .date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
  .map((date) => date.toISOString())

/** Small numbers are as likely as the largest. */
const anyInteger = (min: number, small: number, max: number) =>
  fc.oneof(fc.integer({ min, max: small }), fc.integer({ min, max }))

/** Any value that has the schema, so that a new field of the order is in every property test at once. */
// biome-ignore lint/suspicious/noExplicitAny: a value of any schema
function anyValue(schema: Field & { maximum?: number }): fc.Arbitrary<any> {
  const { type, format, maxLength = 64, maximum = 1_000_000, items, properties, required = [] } = schema
  if (items) return fc.array(anyValue(items), { minLength: 1, maxLength: 20 })
  if (properties) {
    const fields = Object.entries(properties).map(([name, field]) => [name, anyValue(field)])
    return fc.record(Object.fromEntries(fields), { requiredKeys: [...required] as never[], noNullPrototype: true })
  }
  if (format === 'money') return anyInteger(0, 100_000, unitsOf(maximum)).map(amountOf)
  if (format === 'utc-time') return anyTime
  if (format === 'currency') return fc.constantFrom(...currencies.keys())
  if (type === 'boolean') return fc.boolean()
  return type === 'integer' ? anyInteger(1, 20, maximum) : anyText(maxLength)
}

export const anyItems: fc.Arbitrary<Order['items']> = anyValue(Order.properties.items).filter(
  (items) => totalOf(items) <= maxTotal,
)

export const anyOrder: fc.Arbitrary<Order> = fc
  .tuple(anyValue(Type.Omit(Order, ['items'])), anyItems)
  .map(([order, items]) => ({ ...order, items, totalAmount: totalOf(items) }))

/** avsc takes longs up to here. */
const maxVersion = Number.MAX_SAFE_INTEGER - 1

export const anyEvent: fc.Arbitrary<OrderEvent> = fc
  .record({
    order: anyOrder,
    type: fc.constantFrom('OrderCreated', 'OrderStatusChanged', 'SomethingNew'),
    version: fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: maxVersion })),
    occurredAt: anyTime,
    previousStatus: fc.option(anyText(64)),
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
