import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { StartFailure, Stopped } from './failure.ts'
import { together } from './together.ts'

test('all results, in order', async () => {
  assert.deepEqual(await together(new AbortController(), [Promise.resolve(1), Promise.resolve('b')]), [1, 'b'])
})

test('the first failure stops the others, waits for them, and is the one that is told', async () => {
  const giveUp = new AbortController()
  let cleanedUp = false
  const slow = async () => {
    await once(giveUp.signal, 'abort')
    cleanedUp = true
    throw new Stopped()
  }
  const failing = Promise.reject(new StartFailure('no Java'))
  await assert.rejects(together(giveUp, [slow(), failing]), /no Java/)
  assert.equal(cleanedUp, true)
})

test('a stop from outside ends the wait, also for work that does not heed it', async () => {
  const giveUp = new AbortController()
  const waiting = together(giveUp, [new Promise(() => {})])
  giveUp.abort()
  await assert.rejects(waiting, Stopped)
})
