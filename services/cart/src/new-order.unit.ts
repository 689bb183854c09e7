import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMoney, maxTotal, totalOf } from '@inorder/contracts/money.ts'
import fc from 'fast-check'
import { type NewOrder, newOrder } from './new-order.ts'

const now = new Date('2026-11-23T14:20:19.123Z')
const items = [
  { itemId: 'a', quantity: 3, price: 0.1 },
  { itemId: 'b', quantity: 1, price: 19.9999 },
]
const ask = (request: Omit<NewOrder, 'orderId'>, random = () => 0.5) =>
  newOrder({ orderId: 'o-1', ...request }, now, random)
const fields = (request: Omit<NewOrder, 'orderId'>) => {
  const result = ask(request)
  return Array.isArray(result) ? result.map(({ field }) => field) : []
}

test('itemsNum: everything else is made up, and is a valid order', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
      (itemsNum, randoms) => {
        const order = ask({ itemsNum }, () => randoms.next().value)
        assert.ok(!Array.isArray(order))
        assert.equal(order.items.length, itemsNum)
        assert.ok(order.items.every(({ price, quantity }) => isMoney(price) && price > 0 && quantity >= 1))
        assert.ok(isMoney(order.totalAmount))
        assert.equal(order.totalAmount, totalOf(order.items))
        assert.deepEqual([order.currency, order.status, order.orderDate], ['USD', 'new', '2026-11-23T14:20:19.123Z'])
      },
    ),
  )
})

test('a real order is taken as it is, its total exact', () => {
  const order = ask({
    customerId: 'c',
    items,
    currency: 'EUR',
    status: 'paid',
    orderDate: '2026-01-01T00:00:00Z',
    totalAmount: 20.2999,
  })
  assert.deepEqual(order, {
    orderId: 'o-1',
    customerId: 'c',
    orderDate: '2026-01-01T00:00:00.000Z',
    items,
    totalAmount: 20.2999,
    currency: 'EUR',
    status: 'paid',
  })
})

test('a total that is not the sum, or more than money can be, is refused by the names of its fields', () => {
  assert.deepEqual(fields({ customerId: 'c', items, totalAmount: 20.3 }), ['totalAmount'])
  assert.deepEqual(fields({ itemsNum: 3, totalAmount: 20.3 }), ['totalAmount'])
  const dear = { itemId: 'x', quantity: 1_000_000, price: 99_999_999 }
  for (const given of [{}, { totalAmount: maxTotal }])
    assert.deepEqual(fields({ customerId: 'c', items: [dear], ...given }), ['items', 'totalAmount'])
  assert.ok(totalOf([dear]) > maxTotal)
})
