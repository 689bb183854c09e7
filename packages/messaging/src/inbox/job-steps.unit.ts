import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type JobProgress, nextOf } from './job-steps.ts'

const fresh: JobProgress = {
  isSelected: true,
  canary: false,
  ratePerSecond: null,
  stopAfter: null,
  total: 10_000,
  tried: 0,
  failed: 0,
  triedBefore: 0,
  failedBefore: 0,
}

/** How many keys each round tries, and how it ends, where these fail. */
function runOf(job: JobProgress, isBroken: (n: number) => boolean = () => false) {
  const rounds: number[] = []
  for (let now = job; ; ) {
    const next = nextOf(now)
    if (typeof next === 'string') return { rounds, end: next, tried: now.tried, failed: now.failed, job: now }
    rounds.push(next.keys)
    const keys = Array.from({ length: Math.min(next.keys, now.total - now.tried) }, (_, n) => now.tried + n)
    now = { ...now, tried: now.tried + keys.length, failed: now.failed + keys.filter(isBroken).length }
  }
}

test('a canary tries 1 key, then 10, 100, ..., and goes on while none failed', () => {
  const { rounds, end } = runOf({ ...fresh, total: 111, canary: true })
  assert.deepEqual(rounds.slice(0, 5), [1, 4, 4, 2, 4])
  assert.deepEqual([end, rounds.reduce((sum, n) => sum + n)], ['done', 111])
  for (const [broken, tried] of [
    [0, 1],
    [1, 11],
    [10, 11],
    [11, 111],
    [9_999, 10_000],
  ]) {
    const run = runOf({ ...fresh, canary: true }, (n) => n === broken)
    assert.deepEqual([run.tried, run.end], [tried, tried === 10_000 ? 'done' : 'stopped'])
  }
})

test('a canary that is continued begins with one key again', () => {
  const stopped = runOf({ ...fresh, canary: true }, (n) => n === 3).job
  const continued = { ...stopped, triedBefore: stopped.tried, failedBefore: stopped.failed }
  const { rounds, end } = runOf(continued)
  assert.deepEqual([rounds[0], rounds[1], end], [1, 4, 'done'])
})

test('it stops after so many failures, and tries no more at once than may fail', () => {
  const { tried, failed, end, rounds } = runOf({ ...fresh, stopAfter: 6 }, () => true)
  assert.deepEqual({ tried, failed, end, rounds }, { tried: 6, failed: 6, end: 'stopped', rounds: [4, 2] })
  assert.equal(runOf({ ...fresh, total: 6, stopAfter: 6 }, () => true).end, 'done', 'nothing is left to be continued')
})

test('a rate makes rounds smaller, so that it is kept within a tenth of a second', () => {
  for (const [ratePerSecond, keys] of [
    [1, 1],
    [10, 1],
    [11, 2],
    [1_000, 4],
  ] as const)
    assert.deepEqual(nextOf({ ...fresh, ratePerSecond }), { keys })
})

test('what it is about is found first; without a key it is done', () => {
  assert.equal(nextOf({ ...fresh, isSelected: false }), 'select')
  assert.equal(nextOf({ ...fresh, total: 0 }), 'done')
})
