import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { EffectRefused, OutcomeUnknown } from '../inbox/effect.ts'
import { KindsAtWork, verdictOf } from './verdict.ts'

const sqlError = (code: string) => Object.assign(new pg.DatabaseError('refused', 0, 'error'), { code })
const parks = (error: unknown, settling = false) => {
  const { fault, park } = verdictOf(error, settling)
  return [fault.cause, park]
}

test('what is refused, or cannot be stored, is parked now; what is unknown in time; an outage is nobody’s fault', () => {
  assert.deepEqual(parks(new EffectRefused('cannot-be-sent', 'no')), ['cannot-be-sent', 'now'])
  assert.deepEqual(parks(new OutcomeUnknown('status-404', 'no')), ['status-404', 'in time'])
  assert.deepEqual(parks(new OutcomeUnknown('status-503', 'no', { unavailable: true })), ['status-503', 'alone'])
  assert.deepEqual(parks(sqlError('23505'), true), ['constraint', 'now'])
  assert.deepEqual(parks(sqlError('57P01'), true), ['failed', 'alone'])
  assert.deepEqual(parks(new Error('Connection terminated unexpectedly')), ['failed', 'alone'])
})

test('a mistake of our own code is told from a fetch without an answer', async () => {
  assert.deepEqual(parks(new TypeError('Cannot read properties of undefined')), ['our-fault', 'third equal'])
  assert.deepEqual(parks(new RangeError('Invalid array length'), true), ['our-fault', 'third equal'])
  const unanswered = await fetch('http://127.0.0.1:1').catch((error) => error)
  assert.deepEqual(parks(unanswered), ['failed', 'alone'])
})

test('others of a kind count as done all along only without a gap, and not before that time is over', (t) => {
  let now = 0
  t.mock.method(performance, 'now', () => now)
  const kinds = new KindsAtWork()
  assert.equal(kinds.for('label', 0), false)
  for (; now <= 600_000; now += 50_000) {
    kinds.done('label')
    assert.equal(kinds.for('label', 600_000), now === 600_000)
  }
  assert.equal(kinds.for('charge', 0), false)
  now += 60_000
  assert.equal(kinds.for('label', 600_000), false, 'none for a minute')
  kinds.done('label')
  assert.equal(kinds.for('label', 600_000), false)
})
