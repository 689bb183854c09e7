import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DatabaseRun } from './database-run.ts'

function watched() {
  const run = new DatabaseRun()
  const swaps: string[] = []
  run.onSwapped(() => swaps.push('swapped'))
  return { run, swaps }
}

test('the first database is no swap, and nothing is written before it is compared', () => {
  const { run, swaps } = watched()
  run.met('a')
  assert.equal(run.compared, undefined)
  run.compare('a')
  run.met('a')
  run.met(null)
  assert.deepEqual([run.compared, run.swapped, swaps], ['a', false, []])
})

test('another database ends the comparison, and sessions of the first are not used any more', () => {
  const { run, swaps } = watched()
  run.met('a')
  run.compare('a')
  run.met('b')
  assert.deepEqual([run.compared, run.swapped, swaps], [undefined, true, ['swapped']])
  assert.ok(run.complete > performance.now(), 'what was sent from the first is waited for')
  assert.deepEqual([run.accepts('a'), run.accepts('b')], [false, true])
  // The recovery that was under way was of the first.
  run.compare('a')
  assert.deepEqual([run.compared, run.swapped], [undefined, true])
  run.compare('b')
  assert.deepEqual([run.compared, run.swapped], ['b', false])
})

test('a first database that comes back is another one again', () => {
  const { run, swaps } = watched()
  for (const identity of ['a', 'b', 'a']) {
    run.met(identity)
    if (identity !== 'a' || swaps.length === 0) run.compare(identity)
  }
  assert.deepEqual([run.compared, swaps.length], [undefined, 2])
})
