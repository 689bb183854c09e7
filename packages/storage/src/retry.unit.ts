import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backoffMs, retry, sleep, unlessAborted } from './retry.ts'

const soon = { firstMs: 1, longestMs: 4 }
const failing = (times: number) => {
  let calls = 0
  return async () => {
    if (++calls <= times) throw new Error(`failure ${calls}`)
    return calls
  }
}

test('it is tried until it succeeds, and each failure is told with its number', async () => {
  const told: unknown[] = []
  const onFailure = (error: unknown, failures: number) => told.push([(error as Error).message, failures])
  assert.equal(await retry(failing(2), { ...soon, onFailure }), 3)
  assert.deepEqual(told, [
    ['failure 1', 1],
    ['failure 2', 2],
  ])
})

test('what onFailure throws ends the retries', async () => {
  const onFailure = () => {
    throw new Error('hopeless')
  }
  await assert.rejects(retry(failing(9), { ...soon, onFailure }), /hopeless/)
})

test('no attempt begins after the deadline: the last error is thrown', async () => {
  await assert.rejects(retry(failing(1_000_000), { ...soon, deadlineMs: 30 }), /failure \d+/)
})

test('an abort ends the wait, and nothing is tried after it', async () => {
  const ending = new AbortController()
  let calls = 0
  const work = async () => {
    calls++
    throw new Error('no')
  }
  const retried = retry(work, { firstMs: 1e9, longestMs: 1e9, signal: ending.signal })
  await sleep(1)
  ending.abort()
  await assert.rejects(retried, /no/)
  assert.equal(calls, 1)
})

test('backoff lies below a ceiling that doubles up to the longest', () => {
  for (const failures of [1, 2, 3, 4, 99]) {
    const most = Math.min(50, 10 * 2 ** (failures - 1))
    const waits = Array.from({ length: 200 }, () => backoffMs(failures, { firstMs: 10, longestMs: 50 }))
    assert.ok(waits.every((ms) => ms >= 0 && ms < most))
    assert.ok(Math.max(...waits) > most / 2)
  }
})

test('what is waited for is given up when the signal aborts, whatever becomes of it then', async () => {
  assert.equal(await unlessAborted(Promise.resolve(1), new AbortController().signal), 1)
  const ending = new AbortController()
  const { promise, reject } = Promise.withResolvers<never>()
  const given = unlessAborted(promise, ending.signal)
  ending.abort(new Error('the end'))
  await assert.rejects(given, /the end/)
  await assert.rejects(unlessAborted(promise, ending.signal), /the end/)
  reject(new Error('nobody hears this'))
})
