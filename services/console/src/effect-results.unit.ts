import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resultOf } from './effect-results.ts'
import { effect, factsOf, time } from './facts.fixture.ts'
import type { Facts } from './facts.ts'

const earlier = '2026-11-23T14:00:00.000Z'
const later = '2026-11-23T15:00:00.000Z'
const done = (kind: string, doneAt: string) => effect({ kind, state: 'done', doneAt })
const billing = (status: string): Facts => factsOf({ billing: { status } })

test('a charge that was declined, or that was not needed any more, is not done', () => {
  const results = (facts: Facts) => [earlier, time, later].map((at) => resultOf(done('charge', at), facts))
  assert.deepEqual(results(billing('charged')), ['declined', 'charged', 'not needed'])
  assert.deepEqual(results(billing('declined')), ['declined', 'declined', 'declined'])
  assert.deepEqual(results(billing('voided')), ['declined', 'declined', 'declined'])
  assert.deepEqual(results(billing('refunded')), ['answered', 'answered', 'answered'])
  assert.equal(resultOf(effect({ state: 'running' }), billing('charged')), undefined, 'to be done yet')
})

test('a refund, a label and what undoes it', () => {
  assert.deepEqual(
    ['refunded', 'charged', 'voided', 'draft'].map((status) => resultOf(done('refund', time), billing(status))),
    ['refunded', 'declined', 'not needed', 'answered'],
  )
  const labels = [true, false, null].map((hasLabel) => factsOf({ hasLabel }))
  assert.deepEqual(
    labels.map((facts) => [resultOf(done('label', time), facts), resultOf(done('recall', time), facts)]),
    [
      ['done', 'answered'],
      ['declined', 'not needed'],
      ['answered', 'answered'],
    ],
  )
})
