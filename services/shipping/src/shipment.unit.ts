import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import { anyEvent } from '@inorder/testing/any-order.ts'
import fc from 'fast-check'
import { apply, labelled, type Shipment, type ShipOn } from './shipment.ts'

const event = (status: string): OrderEvent => ({
  eventId: 'e',
  type: 'OrderStatusChanged',
  orderId: 'o-1',
  version: 1,
  occurredAt: '2026-11-23T14:20:19.000Z',
  order: {
    orderId: 'o-1',
    customerId: 'c',
    orderDate: '2026-11-23T14:20:19.000Z',
    items: [{ itemId: 'a', quantity: 1, price: 110 }],
    totalAmount: 110,
    currency: 'USD',
    status,
  },
  previousStatus: null,
})
const yes = { label: 'http://carrier/labels/1', tracking: '1' }

/** Runs statuses and answers of the carrier (`+`, `-`) in their order; gives each status it was in, and what was asked for. */
function run(steps: string, shipOn: ShipOn = 'shipped') {
  let now: Shipment | undefined
  const statuses: string[] = []
  const asked: string[] = []
  for (const step of steps.split(' ')) {
    if (step === '+' || step === '-') now = labelled(now!, step === '+' ? yes : null)
    else {
      const { state, effects } = apply(now, event(step), shipOn)
      now = state
      asked.push(...effects.map(({ kind }) => kind))
    }
    statuses.push(now.status)
  }
  return { now: now!, statuses: statuses.join(' '), asked: asked.join(' ') }
}
const gives = (steps: string, statuses: string, asked: string, shipOn?: ShipOn) =>
  test(`given ${shipOn ?? 'shipped'} as the trigger, when ${steps}, then ${statuses}`, () => {
    const { statuses: were, asked: was } = run(steps, shipOn)
    assert.deepEqual([were, was], [statuses, asked])
  })

test('given no shipment, when an order comes, then 2 % of its total is quoted, and stays', () => {
  assert.equal(run('new').now.shippingCost, 2.2)
  assert.deepEqual(run('new confirmed gift-wrapped').now, run('new').now)
})

gives('new confirmed shipped + delivered', 'quoted quoted requested dispatched delivered', 'label')
gives('new paid + shipped delivered', 'quoted requested requested dispatched delivered', 'label', 'confirmed')
gives('new confirmed paid shipped +', 'quoted requested requested requested dispatched', 'label', 'confirmed')
gives('shipped', 'requested', 'label')
gives('new cancelled shipped', 'quoted cancelled cancelled', '')
gives('new shipped cancelled +', 'quoted requested cancelled cancelled', 'label cancellation')
gives('new shipped + cancelled delivered', 'quoted requested dispatched recalled recalled', 'label recall')
gives('new shipped - cancelled', 'quoted requested cancelled cancelled', 'label')
gives('new delivered cancelled', 'quoted delivered delivered', '')
gives('new shipped delivered +', 'quoted requested delivered delivered', 'label')

test('a carrier that declines is a reason, and so is nothing else', () => {
  assert.equal(run('new shipped -').now.reason, 'declined by the carrier')
  assert.equal(run('new shipped cancelled').now.reason, null)
})

test('whatever comes: one label at most, undone at most once and only if it was asked for, and what is over stays', () => {
  const statuses = fc.constantFrom('new', 'confirmed', 'paid', 'shipped', 'delivered', 'cancelled', 'gift-wrapped')
  fc.assert(
    fc.property(
      anyEvent,
      fc.array(statuses, { minLength: 1, maxLength: 12 }),
      fc.constantFrom<ShipOn>('shipped', 'confirmed'),
      fc.option(fc.record({ after: fc.nat(11), yes: fc.boolean() }), { nil: undefined }),
      (base, path, shipOn, answer) => {
        let now: Shipment | undefined
        let over: string | undefined
        const asked: string[] = []
        for (const [i, status] of path.entries()) {
          const { state, effects } = apply(now, { ...base, order: { ...base.order, status } }, shipOn)
          now = state
          asked.push(...effects.map(({ kind }) => kind))
          if (answer && i >= answer.after && asked.includes('label') && now.label === null && now.reason === null)
            now = labelled(now, answer.yes ? yes : null)
          if (over) assert.equal(now.status, over)
          if (['delivered', 'cancelled', 'recalled'].includes(now.status)) over = now.status
          if (now.status === 'dispatched') assert.ok(now.label && path.slice(0, i + 1).includes('shipped'))
        }
        assert.ok(asked.filter((kind) => kind === 'label').length <= 1)
        assert.ok(asked.length <= 2)
        assert.ok(asked.length === 0 || asked[0] === 'label')
      },
    ),
  )
})
