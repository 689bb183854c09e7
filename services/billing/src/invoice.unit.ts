import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unitsOf } from '@inorder/contracts/money.ts'
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import { anyEvent } from '@inorder/testing/any-order.ts'
import fc from 'fast-check'
import { apply, type Invoice, type Kind, type Posting, requestOf, settled } from './invoice.ts'

const order = {
  orderId: 'o-1',
  customerId: 'c-17',
  orderDate: '2026-11-23T14:20:19.000Z',
  items: [{ itemId: 'i-1', quantity: 1, price: 44.98 }],
  totalAmount: 44.98,
  currency: 'USD',
  status: 'new',
}
const event: OrderEvent = {
  eventId: 'e-1',
  type: 'OrderStatusChanged',
  orderId: order.orderId,
  version: 1,
  occurredAt: '2026-11-23T14:20:19.000Z',
  order,
  previousStatus: null,
}

type Deed = { path: string; body: object; status: 'done' | 'declined'; id: string }

/**
 * An order, its effects and a gateway that does what it is asked for once per key. Steps: a status; or the first effect
 * is performed and settled, the gateway saying yes (`+`) or no (`-`); `lost+`, `lost-`: it is performed, and the answer
 * gets lost; `discard`: an operator gives it up, which only one can be that the gateway has refused to look at.
 */
function billing(base: OrderEvent) {
  const effects: { key: string; kind: Kind }[] = []
  const deeds = new Map<string, Deed>()
  const postings: Posting[] = []
  let now: Invoice | undefined
  let count = 0

  function perform(key: string, kind: Kind, status: Deed['status']): Deed | null {
    const request = requestOf(kind, now!)
    const before = deeds.get(key)
    if (before) assert.deepEqual(request, { path: before.path, body: before.body }, 'a repeat asks for the same')
    if (!request) return null
    const deed = before ?? { ...request, status, id: `${request.path}-${key}` }
    deeds.set(key, deed)
    return deed
  }

  return {
    effects,
    deeds,
    postings,
    invoice: () => now!,
    step(step: string) {
      const effect = effects[0]
      const answer = step.endsWith('+') ? 'done' : 'declined'
      if (/^[+-]$/.test(step)) {
        if (!effect) return
        const { state, posting } = settled(effect.kind, now!, perform(effect.key, effect.kind, answer))
        now = state
        if (posting) postings.push(posting)
        effects.shift()
      } else if (step.startsWith('lost')) {
        if (effect) perform(effect.key, effect.kind, answer)
      } else if (step === 'discard') {
        if (effect && !deeds.has(effect.key)) effects.shift()
      } else {
        const next = apply(now, { ...base, order: { ...base.order, status: step } })
        now = next.state
        for (const { kind } of next.effects) effects.push({ key: String(count++), kind: kind as Kind })
      }
    },
  }
}

/** `statuses` are those of the invoice after each step, `deeds` what the gateway has done, `-` before what it declined. */
const gives = (steps: string, statuses: string, deeds = '', base = event) =>
  test(`given an order of ${base.order.totalAmount}, when ${steps}, then ${statuses}`, () => {
    const run = billing(base)
    const were = steps.split(' ').map((step) => {
      run.step(step)
      return run.invoice().status
    })
    const done = [...run.deeds.values()].map(({ path, status }) => (status === 'done' ? path : `-${path}`))
    assert.deepEqual([were.join(' '), done.join(' ')], [statuses, deeds])
    assert.equal(run.postings.length, done.filter((deed) => !deed.startsWith('-')).length)
  })

test('given no invoice, when an order comes, then it is drafted with the amount and stays so for any other status', () => {
  const drafted: Invoice = {
    orderId: 'o-1',
    customerId: 'c-17',
    amount: 44.98,
    currency: 'USD',
    status: 'draft',
    asked: 'nothing',
    payment: null,
  }
  assert.deepEqual(apply(undefined, event), { state: drafted, effects: [] })
  const other = { ...event, order: { ...order, status: 'gift-wrapped', totalAmount: 1, customerId: 'c-18' } }
  assert.deepEqual(apply(drafted, other), { state: drafted, effects: [] })
})

test('what is asked of the gateway, and what is posted', () => {
  const run = billing(event)
  for (const step of ['confirmed', '+', 'cancelled', '+']) run.step(step)
  assert.deepEqual(
    [...run.deeds.values()].map(({ path, body }) => [path, body]),
    [
      ['charges', { orderId: 'o-1', customerId: 'c-17', amount: 44.98, currency: 'USD' }],
      ['refunds', { orderId: 'o-1', payment: 'charges-0', amount: 44.98, currency: 'USD' }],
    ],
  )
  assert.deepEqual(run.postings, [
    { kind: 'charge', debit: 'cash', credit: 'revenue', reference: 'charges-0' },
    { kind: 'refund', debit: 'revenue', credit: 'cash', reference: 'refunds-1' },
  ])
  assert.equal(run.invoice().payment, 'charges-0')
})

test('an order in no currency is refused', () => {
  assert.throws(() => apply(undefined, { ...event, order: { ...order, currency: 'QQQ' } }), /QQQ/)
})

gives('new confirmed + paid shipped + delivered', 'draft draft charged charged charged charged charged', 'charges')
gives('paid +', 'draft charged', 'charges')
gives('new shipped +', 'draft draft charged', 'charges')
gives('new delivered +', 'draft draft charged', 'charges')
gives('new confirmed paid + +', 'draft draft draft charged charged', 'charges')
gives('new cancelled confirmed +', 'draft voided voided voided')
gives('cancelled paid', 'voided voided')
gives('new confirmed + cancelled + paid +', 'draft draft charged charged refunded refunded refunded', 'charges refunds')
// The charge is still under way, or its answer got lost, when the order is cancelled.
gives('confirmed cancelled + +', 'draft draft charged refunded', 'charges refunds')
gives('confirmed cancelled - +', 'draft draft declined voided', '-charges')
gives('confirmed lost+ cancelled - +', 'draft draft draft charged refunded', 'charges refunds')
gives('confirmed cancelled paid + + +', 'draft draft draft charged refunded refunded', 'charges refunds')
gives('confirmed cancelled discard +', 'draft draft draft voided')
// A decline is an answer; the next status that is to be paid asks again, whether it came before the answer or after it.
gives('confirmed - paid +', 'draft declined declined charged', '-charges charges')
gives('confirmed paid - +', 'draft draft declined charged', '-charges charges')
gives('confirmed - cancelled +', 'draft declined declined voided', '-charges')
gives('confirmed + cancelled - paid +', 'draft charged charged charged charged charged', 'charges -refunds')
gives(
  'confirmed + cancelled - x cancelled +',
  'draft charged charged charged charged charged refunded',
  'charges -refunds refunds',
)

const free = { ...event, order: { ...order, totalAmount: 0 } }
gives('new confirmed paid', 'draft charged charged', '', free)
gives('new confirmed cancelled paid', 'draft charged voided voided', '', free)

const statuses = ['new', 'pending', 'confirmed', 'paid', 'shipped', 'delivered', 'cancelled', 'gift-wrapped']
const anyStep = fc.constantFrom(...statuses, '+', '-', '+', '-', 'lost+', 'lost-', 'discard')

test('whatever comes: the ledger balances, is what the gateway did, and what is settled stays', () => {
  fc.assert(
    fc.property(anyEvent, fc.array(anyStep, { maxLength: 40 }), (base, steps) => {
      const run = billing(base)
      const units = unitsOf(base.order.totalAmount)
      const balanceOf = (account: string) =>
        run.postings.reduce((sum, { debit, credit }) => {
          assert.notEqual(debit, credit)
          return sum + (debit === account ? units : 0) - (credit === account ? units : 0)
        }, 0)
      const net = () => {
        const done = [...run.deeds.values()].filter(({ status }) => status === 'done')
        return done.reduce((sum, { path }) => sum + (path === 'charges' ? 1 : -1), 0)
      }
      let over: string | undefined
      const check = () => {
        const { status, payment } = run.invoice()
        assert.equal(balanceOf('cash') + balanceOf('revenue'), 0)
        assert.equal(balanceOf('cash'), status === 'charged' ? units : 0)
        assert.ok(new Set(run.postings.map(({ kind }) => kind)).size === run.postings.length, 'once each')
        assert.ok(net() === 0 || net() === 1, 'no more than one charge is not refunded')
        if (over) assert.equal(status, over)
        if (status === 'voided' || status === 'refunded') over = status
        if (status === 'refunded') assert.ok(payment)
      }
      for (const step of ['new', ...steps]) {
        run.step(step)
        check()
      }
      // What is under way comes to its end, and then the order to its own.
      for (const last of ['gift-wrapped', 'cancelled']) {
        run.step(last)
        while (run.effects.length > 0) run.step('+')
        check()
        assert.equal(net(), units > 0 && run.invoice().status === 'charged' ? 1 : 0)
      }
      assert.ok(over, 'cancelled, it is voided or refunded')
    }),
    { numRuns: 1_000 },
  )
})
