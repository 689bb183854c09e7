import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Order } from '@inorder/contracts/order.ts'
import { changeStatus, created, eventOf } from './order.ts'

const order: Order = {
  orderId: 'o-1',
  customerId: 'c',
  orderDate: '2026-11-23T14:20:19.000Z',
  items: [{ itemId: 'a', quantity: 1, price: 2 }],
  totalAmount: 2,
  currency: 'USD',
  status: 'new',
}
const current = created(order, 'event-1')
const to = (status: string, accepts = (_: number) => true, permits = (_from: string, _to: string) => true) =>
  changeStatus(current, { orderId: 'o-1', status, accepts, permits }, 'event-2')

test('a new order has version 1 and an OrderCreated event', () => {
  assert.deepEqual(eventOf(current, null, new Date(0)), {
    eventId: 'event-1',
    type: 'OrderCreated',
    orderId: 'o-1',
    version: 1,
    occurredAt: '1970-01-01T00:00:00.000Z',
    order,
    previousStatus: null,
  })
})

test('given an order, when its status changes, then it is one version further', () => {
  const outcome = to('paid')
  assert.deepEqual(outcome, {
    kind: 'changed',
    now: { order: { ...order, status: 'paid' }, version: 2, eventId: 'event-2' },
  })
  assert.ok(outcome.kind === 'changed')
  const event = eventOf(outcome.now, 'new', new Date(0))
  assert.deepEqual(
    [event.type, event.version, event.previousStatus, event.order.status],
    ['OrderStatusChanged', 2, 'new', 'paid'],
  )
})

test('given an order, when it has that status already, then nothing changes and its current event counts', () => {
  assert.deepEqual(to('new'), { kind: 'unchanged', now: current })
})

test('given an order, when the client means another version, then it is refused, even for the status it has', () => {
  const refused = { kind: 'other-version', orderId: 'o-1', version: 1 }
  assert.deepEqual(
    to('paid', (version) => version === 2),
    refused,
  )
  assert.deepEqual(
    to('new', (version) => version === 2),
    refused,
  )
})

test('given no order, when its status changes, then it is missing, whatever version is meant', () => {
  const change = { orderId: 'o-1', status: 'paid', accepts: () => false, permits: () => false }
  const outcome = changeStatus(undefined, change, 'event-2')
  assert.deepEqual(outcome, { kind: 'missing', orderId: 'o-1' })
})

test('given a policy, when it does not permit the move, then nothing changes; the status it has is no move', () => {
  const permits = (from: string, status: string) => from === 'new' && status === 'paid'
  assert.equal(to('paid', undefined, permits).kind, 'changed')
  assert.equal(to('new', undefined, permits).kind, 'unchanged')
  assert.deepEqual(to('shipped', undefined, permits), { kind: 'illegal-move', from: 'new', to: 'shipped' })
})
