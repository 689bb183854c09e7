import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anyOrder } from '@inorder/testing/any-order.ts'
import fc from 'fast-check'
import { apply, type Demand, type Line } from './demand.ts'
import { orderEvent } from './orders.fixture.ts'

const one: Line[] = [{ itemId: 'i-1', quantity: 2 }]
const event = (status: string, items = one, version = 2) => orderEvent('o-1', status, items, version)

const given = (...statuses: string[]) => {
  const state = statuses.reduce<Demand | undefined>((before, status) => apply(before, event(status)), undefined)
  return {
    when: (status: string, items = one) => {
      const after = () => apply(state, event(status, items))
      return {
        thenIs: (demand: Demand['state'], lines: Line[] = one) => assert.deepEqual(after(), { state: demand, lines }),
        thenIsRefused: (pattern: RegExp) => assert.throws(after, pattern),
      }
    },
  }
}

test('a new order wants its items, each of them once', () => {
  given().when('new').thenIs('open')
  const lines = [...one, { itemId: 'i-2', quantity: 1 }, { itemId: 'i-1', quantity: 1_000_000 }]
  const summed = [
    { itemId: 'i-1', quantity: 1_000_002 },
    { itemId: 'i-2', quantity: 1 },
  ]
  given().when('new', lines).thenIs('open', summed)
})

test('statuses on the way, and those without a meaning, change nothing', () => {
  for (const status of ['pending', 'confirmed', 'paid', 'Shipped', 'gift-wrapped']) {
    given('new').when(status).thenIs('open')
    given().when(status).thenIs('open')
  }
})

test('shipped, or delivered without it, is a shipment; cancelled wants nothing', () => {
  for (const before of [[], ['new'], ['new', 'paid']]) {
    given(...before)
      .when('shipped')
      .thenIs('shipped')
    given(...before)
      .when('delivered')
      .thenIs('shipped')
    given(...before)
      .when('cancelled')
      .thenIs('cancelled')
  }
})

test('nothing leads out of shipped and cancelled', () => {
  for (const late of ['new', 'confirmed', 'shipped', 'delivered', 'cancelled']) {
    given('new', 'shipped').when(late).thenIs('shipped')
    given('new', 'cancelled').when(late).thenIs('cancelled')
  }
})

test('the items are those of the first event', () => {
  given('new')
    .when('shipped', [{ itemId: 'other', quantity: 9 }])
    .thenIs('shipped')
})

test('an item id that no index takes is refused', () => {
  const wanting = (itemId: string) => given().when('new', [{ itemId, quantity: 1 }])
  wanting('é'.repeat(129)).thenIsRefused(/no item id/)
  wanting('a\0b').thenIsRefused(/no item id/)
  const longest = [{ itemId: '\u{1f40d}'.repeat(128), quantity: 1 }]
  given().when('new', longest).thenIs('open', longest)
})

test('of any order, and whatever happens to it: all of each item is wanted, and the last word is the first that ends it', () => {
  const anyStatus = fc.constantFrom('new', 'paid', 'shipped', 'delivered', 'cancelled', 'odd')
  fc.assert(
    fc.property(anyOrder, fc.array(anyStatus, { minLength: 1 }), (order, statuses) => {
      const end = statuses.reduce<Demand | undefined>(
        (before, status, n) => apply(before, orderEvent('o-1', status, order.items, n + 1)),
        undefined,
      )
      const ending = statuses.find((status) => ['shipped', 'delivered', 'cancelled'].includes(status)) ?? 'open'
      assert.equal(end?.state, ending === 'delivered' ? 'shipped' : ending)
      const sum = (lines: readonly { quantity: number }[]) => lines.reduce((total, { quantity }) => total + quantity, 0)
      assert.equal(sum(end?.lines ?? []), sum(order.items))
      assert.equal(new Set(end?.lines.map(({ itemId }) => itemId)).size, end?.lines.length)
    }),
  )
})
