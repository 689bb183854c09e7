import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allocate, type OrderDemand, type ReservationStatus } from './allocation.ts'
import type { Demand } from './demand.ts'

type Wanted = Record<string, number>
/** `a`, `b`, ... arrive in this order. */
const order = (
  orderId: string,
  wanted: Wanted,
  status: ReservationStatus | null = null,
  state: Demand['state'] = 'open',
): OrderDemand => ({
  orderId,
  arrival: orderId.charCodeAt(0),
  status,
  demand: { state, lines: Object.entries(wanted).map(([itemId, quantity]) => ({ itemId, quantity })) },
})

const given = (available: Wanted, ahead: Wanted = {}) => ({
  when: (...orders: OrderDemand[]) => {
    const { allotments, items } = allocate(orders, new Map(Object.entries(available)), new Map(Object.entries(ahead)))
    const decided = Object.fromEntries(allotments.map((one) => [one.order.orderId, one.status]))
    return {
      allotments,
      thenIs: (
        expected: Record<string, ReservationStatus>,
        changes: Record<string, [reserved: number, shipped: number]> = {},
      ) => {
        assert.deepEqual(decided, expected)
        for (const [itemId, [reserved, shipped]] of Object.entries(changes)) {
          const found = items.get(itemId)
          assert.deepEqual([itemId, found?.reserved, found?.shipped], [itemId, reserved, shipped])
        }
      },
      thenLooksAgainAt: (...itemIds: string[]) =>
        assert.deepEqual(
          [...items].flatMap(([itemId, { recheck }]) => (recheck ? itemId : [])),
          itemIds,
        ),
    }
  },
})

test('all lines of an order or none', () => {
  given({ x: 3, y: 1 })
    .when(order('a', { x: 2, y: 1 }))
    .thenIs({ a: 'reserved' }, { x: [2, 0], y: [1, 0] })
  const short = given({ x: 3, y: 1 }).when(order('a', { x: 2, y: 2 }))
  short.thenIs({ a: 'backordered' })
  short.thenLooksAgainAt()
  given({})
    .when(order('a', { unknown: 1 }))
    .thenIs({ a: 'backordered' })
})

test('who waits is passed only by orders that want other items', () => {
  given({ x: 3, y: 9, z: 9 })
    .when(order('a', { x: 4, y: 1 }), order('b', { y: 1, z: 1 }), order('c', { z: 1 }), order('d', { x: 1 }))
    .thenIs({ a: 'backordered', b: 'backordered', c: 'backordered', d: 'backordered' })
  given({ x: 3, z: 9 })
    .when(order('a', { x: 4 }), order('b', { z: 1 }))
    .thenIs({ a: 'backordered', b: 'reserved' })
})

test('the order of arrival decides, not that of the round, and nothing is given twice', () => {
  given({ x: 3 })
    .when(order('c', { x: 1 }), order('b', { x: 2 }), order('a', { x: 1 }))
    .thenIs({ a: 'reserved', b: 'reserved', c: 'backordered' }, { x: [3, 0] })
})

test('one that waits outside of the round holds up those behind it, not those before it', () => {
  given({ x: 9 }, { x: 'b'.charCodeAt(0) })
    .when(order('a', { x: 1 }, 'backordered'), order('c', { x: 1 }))
    .thenIs({ a: 'reserved', c: 'backordered' })
})

test('who leaves a queue makes room: it is looked at again', () => {
  given({ x: 1, y: 1 })
    .when(order('a', { x: 1, y: 1 }, 'backordered'))
    .thenLooksAgainAt('x', 'y')
  given({ x: 1 })
    .when(order('a', { x: 1 }))
    .thenLooksAgainAt()
})

test('cancelled: what was reserved is free at once; in the queue it is just gone', () => {
  const cancelled = given({ x: 0 }).when(order('a', { x: 2 }, 'reserved', 'cancelled'), order('b', { x: 2 }))
  cancelled.thenIs({ a: 'released', b: 'reserved' }, { x: [0, 0] })
  cancelled.thenLooksAgainAt('x')
  given({ x: 2 })
    .when(order('a', { x: 3 }, 'backordered', 'cancelled'), order('b', { x: 2 }))
    .thenIs({ a: 'released', b: 'reserved' })
  given({ x: 2 })
    .when(order('a', { x: 3 }, null, 'cancelled'))
    .thenIs({ a: 'released' })
})

test('shipped: what was reserved leaves', () => {
  given({ x: 0 })
    .when(order('a', { x: 2 }, 'reserved', 'shipped'), order('b', { x: 1 }))
    .thenIs({ a: 'shipped', b: 'backordered' }, { x: [-2, 2] })
})

test('shipped without a reservation: what is free leaves, first of all, and the rest is recorded as short', () => {
  const { allotments, thenIs } = given({ x: 1, y: 5 }).when(
    order('a', { x: 1 }, 'backordered'),
    order('b', { x: 3, y: 2, unknown: 1 }, 'backordered', 'shipped'),
  )
  thenIs({ b: 'shipped' }, { x: [0, 1], y: [0, 2] })
  assert.deepEqual(allotments[0]?.short, [
    { itemId: 'x', quantity: 2 },
    { itemId: 'unknown', quantity: 1 },
  ])
})

test('what has ended stays as it is', () => {
  for (const status of ['shipped', 'released'] as const)
    for (const state of ['open', 'shipped', 'cancelled'] as const)
      given({ x: 9 })
        .when(order('a', { x: 1 }, status, state))
        .thenIs({})
})
