import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Order } from '@inorder/contracts/order.ts'
import { type CartOrder, type Command, type Decision, decide, type Event, evolve } from './order.ts'
import { messageOf } from './order-record.ts'

const order: Order = {
  orderId: 'o-1',
  customerId: 'c',
  orderDate: '2026-11-23T14:20:19.000Z',
  items: [{ itemId: 'a', quantity: 1, price: 2 }],
  totalAmount: 2,
  currency: 'USD',
  status: 'new',
}
const created: Event = { type: 'OrderCreated', eventId: 'event-1', order }
const create = (more: Partial<Extract<Command, { type: 'CreateOrder' }>> = {}): Command => ({
  type: 'CreateOrder',
  eventId: 'event-1',
  lifecycle: 'free',
  ifNoneMatch: [],
  order,
  ...more,
})
const to = (status: string, more: Partial<Extract<Command, { type: 'ChangeStatus' }>> = {}): Command => ({
  type: 'ChangeStatus',
  eventId: 'event-2',
  lifecycle: 'free',
  ifMatch: 'all',
  ifNoneMatch: [],
  orderId: 'o-1',
  status,
  ...more,
})

const given = (...events: Event[]) => of(events.reduce<CartOrder | undefined>(evolve, undefined))
const of = (state: CartOrder | undefined) => ({
  state,
  when: (command: Command) => ({ thenIs: (expected: Decision) => assert.deepEqual(decide(state, command), expected) }),
})
const changed = (status: string): Decision => ({
  kind: 'accepted',
  event: { type: 'OrderStatusChanged', eventId: 'event-2', previousStatus: 'new', status },
})

test('a new order has version 1 and an OrderCreated event', () => {
  given().when(create()).thenIs({ kind: 'accepted', event: created })
  assert.deepEqual(messageOf(created, given(created).state!, new Date(0)), {
    eventId: 'event-1',
    type: 'OrderCreated',
    orderId: 'o-1',
    version: 1,
    occurredAt: '1970-01-01T00:00:00.000Z',
    order,
    previousStatus: null,
  })
})

test('given an order, when it is created again, then it exists; a version that the client does not want comes first', () => {
  given(created).when(create()).thenIs({ kind: 'exists', orderId: 'o-1' })
  given(created)
    .when(create({ ifNoneMatch: [2] }))
    .thenIs({ kind: 'exists', orderId: 'o-1' })
  for (const ifNoneMatch of [[1], 'all'] as const)
    given(created).when(create({ ifNoneMatch })).thenIs({ kind: 'other-version', orderId: 'o-1', version: 1 })
})

test('given an order, when its status changes, then it is one version further', () => {
  given(created).when(to('paid')).thenIs(changed('paid'))
  const event: Event = { type: 'OrderStatusChanged', eventId: 'event-2', previousStatus: 'new', status: 'paid' }
  const { state } = given(created, event)
  assert.deepEqual(state, { order: { ...order, status: 'paid' }, version: 2, eventId: 'event-2' })
  const message = messageOf(event, state!, new Date(0))
  assert.deepEqual(
    [message.type, message.version, message.previousStatus, message.order.status],
    ['OrderStatusChanged', 2, 'new', 'paid'],
  )
})

test('given an order, when it has that status already, then nothing changes and its current event counts', () => {
  const { state, when } = given(created)
  when(to('new')).thenIs({ kind: 'unchanged', now: state! })
})

test('given an order, when the client means another version, then it is refused, even for the status it has', () => {
  const refused: Decision = { kind: 'other-version', orderId: 'o-1', version: 1 }
  given(created)
    .when(to('paid', { ifMatch: [2] }))
    .thenIs(refused)
  given(created)
    .when(to('new', { ifMatch: [2] }))
    .thenIs(refused)
  given(created)
    .when(to('paid', { ifNoneMatch: [1] }))
    .thenIs(refused)
  given(created)
    .when(to('paid', { ifMatch: [2, 1], ifNoneMatch: [3] }))
    .thenIs(changed('paid'))
})

test('given no order, when its status changes, then it is missing, whatever version is meant', () => {
  given()
    .when(to('paid', { ifMatch: [], lifecycle: 'strict' }))
    .thenIs({ kind: 'missing', orderId: 'o-1' })
})

test('given the strict lifecycle, when a move is not in its table, then nothing changes; the status it has is no move', () => {
  const { state, when } = given(created)
  when(to('paid', { lifecycle: 'strict' })).thenIs(changed('paid'))
  when(to('new', { lifecycle: 'strict' })).thenIs({ kind: 'unchanged', now: state! })
  const allowed = ['pending', 'confirmed', 'paid', 'cancelled']
  when(to('shipped', { lifecycle: 'strict' })).thenIs({ kind: 'illegal-move', from: 'new', to: 'shipped', allowed })
})

test('given the strict lifecycle, when an order begins with another status, then it is not created', () => {
  given()
    .when(create({ lifecycle: 'strict' }))
    .thenIs({ kind: 'accepted', event: created })
  const shipped = create({ lifecycle: 'strict', order: { ...order, status: 'shipped' } })
  const allowed = ['new', 'pending', 'confirmed', 'paid']
  given().when(shipped).thenIs({ kind: 'illegal-move', from: null, to: 'shipped', allowed })
})

test('given an order that is held, then it takes no change; where nothing is known of it, it is not created either', () => {
  const held: Decision = { kind: 'held', orderId: 'o-1', why: 'a gap' }
  const known = of({ ...given(created).state!, held: 'a gap' })
  known.when(to('new')).thenIs(held)
  known.when(create()).thenIs({ kind: 'exists', orderId: 'o-1' })
  const unknown = of({ ...given(created).state!, version: 0, held: 'a gap' })
  unknown.when(create({ ifNoneMatch: 'all' })).thenIs(held)
})
