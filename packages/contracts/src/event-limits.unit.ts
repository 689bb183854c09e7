import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Decoder } from '@inorder/messaging/kafka/decode.ts'
import { frame } from '@inorder/messaging/kafka/wire-format.ts'
import { anyEvent } from '@inorder/testing/any-order.ts'
import fc from 'fast-check'
import { overLimits } from './event-limits.ts'
import { Item, Order } from './order.ts'
import type { OrderEvent } from './order-event.ts'
import { orderEvents } from './order-events.ts'

/** A limit that the HTTP door's schema sets. */
const limit = (schema: object, name: 'maxLength' | 'maxItems' | 'maximum'): number => Reflect.get(schema, name)
/** The longest text that it takes, each code point two units, four bytes. */
const longest = (schema: object) => '🛒'.repeat(limit(schema, 'maxLength'))

const { orderId, customerId, status, items } = Order.properties
const largest: OrderEvent = {
  eventId: '1b4e28ba-2fa1-11d2-883f-0016d3cca427',
  type: 'OrderStatusChanged',
  orderId: longest(orderId),
  version: Number.MAX_SAFE_INTEGER,
  occurredAt: '9999-12-31T23:59:59.999Z',
  order: {
    orderId: longest(orderId),
    customerId: longest(customerId),
    orderDate: '0001-01-01T00:00:00.000Z',
    items: Array.from({ length: limit(items, 'maxItems') }, () => ({
      itemId: longest(Item.properties.itemId),
      quantity: limit(Item.properties.quantity, 'maximum'),
      price: limit(Item.properties.price, 'maximum'),
    })),
    totalAmount: limit(Order.properties.totalAmount, 'maximum'),
    currency: 'USD',
    status: longest(status),
  },
  previousStatus: longest(status),
}
const withOrder = (order: Partial<Order>): OrderEvent => ({ ...largest, order: { ...largest.order, ...order } })
const item = largest.order.items[0]!

suite('an event that the cart can write', () => {
  test('is within the limits, whatever the order', () => {
    fc.assert(
      fc.property(anyEvent, (event) => assert.equal(overLimits(event), undefined)),
      { numRuns: 1_000 },
    )
  })

  test('is within them at the limits of the HTTP door', () => assert.equal(overLimits(largest), undefined))

  test('is not judged by what only the HTTP door refuses', () => {
    for (const id of ['.', '..'])
      assert.equal(overLimits({ ...withOrder({ orderId: id, customerId: id }), orderId: id }), undefined)
    assert.equal(overLimits(withOrder({ currency: 'XXQ' })), undefined)
    assert.equal(overLimits(withOrder({ items: [{ ...item, price: 99_999_999_999.9999 }] })), undefined)
    assert.equal(overLimits(withOrder({ items: [{ ...item, quantity: 2 ** 31 - 1 }] })), undefined)
    assert.equal(overLimits({ ...largest, type: 'SomethingNew' }), undefined)
  })
})

suite('an event over a limit says which', () => {
  const over: [field: string, event: OrderEvent][] = [
    ['eventId', { ...largest, eventId: 'one' }],
    ['eventId', { ...largest, eventId: `${largest.eventId}\n` }],
    ['version', { ...largest, version: 0 }],
    ['version', { ...largest, version: 2 ** 53 }],
    ['type', { ...largest, type: 't'.repeat(129) }],
    ['previousStatus', { ...largest, previousStatus: '🛒'.repeat(65) }],
    ['order.customerId', withOrder({ customerId: 'c'.repeat(9_000) })],
    ['order.customerId', withOrder({ customerId: '🛒'.repeat(129) })],
    ['order.customerId', withOrder({ customerId: '' })],
    ['order.status', withOrder({ status: 's'.repeat(65) })],
    ['order.status', withOrder({ status: 'a\0b' })],
    ['order.currency', withOrder({ currency: 'c'.repeat(65) })],
    ['order.items', withOrder({ items: [] })],
    ['order.items', withOrder({ items: Array.from({ length: 1_001 }, () => item) })],
    ['order.items[1].itemId', withOrder({ items: [item, { ...item, itemId: '\ud83d' }] })],
  ]
  for (const [field, event] of over)
    test(`${field}: ${overLimits(event)}`, () => assert.ok(overLimits(event)?.startsWith(`${field} `)))
})

test('rule 16: an event over a limit of the storage is poison, with the limit it is over', async () => {
  const decoder = new Decoder(orderEvents, { schemaOf: async () => orderEvents.value.schema })
  const order = {
    orderId: 'o',
    customerId: 'c'.repeat(9_000),
    orderDate: '2026-11-23T14:20:19.000Z',
    items: [{ itemId: 'i', quantity: 1, price: 1 }],
    totalAmount: 1,
    currency: 'USD',
    status: 'new',
  }
  const event = { eventId: crypto.randomUUID(), type: 'OrderCreated', orderId: 'o', version: 1, order }
  const body = (more: object) =>
    orderEvents.value.encode({ ...event, occurredAt: order.orderDate, previousStatus: null, ...more })
  const read = async (more: object) =>
    (
      await decoder.decodeAll('topic', [
        { partition: 0, offset: 0n, timestamp: 0n, key: Buffer.from('o'), headers: [], value: frame(1, body(more)) },
      ])
    ).map((entry) => [entry.key, entry.version, entry.fault?.cause])
  assert.deepEqual(await read({}), [['o', null, 'out-of-bounds']])
  assert.deepEqual(await read({ order: { ...order, customerId: 'c' } }), [['o', 1, undefined]])
  assert.deepEqual(await read({ order: { ...order, customerId: 'c' }, eventId: 'x' }), [['o', null, 'out-of-bounds']])
})
