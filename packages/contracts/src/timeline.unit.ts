import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spanOf } from './timeline.ts'

test('how long something took is said in units that a person reads', () => {
  const spans = [-5, 7, 1_234, 9_960, 149_557, 3_599_600, 11_100_000].map(spanOf)
  assert.deepEqual(spans, ['0 ms', '7 ms', '1.2 s', '10 s', '2 min 30 s', '1 h 0 min', '3 h 5 min'])
})
