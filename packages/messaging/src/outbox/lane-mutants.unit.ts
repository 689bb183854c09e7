// Tables of lanes broken by hand: each is a copy of this package with one change in its text, and the histories of
// lane-table.unit.ts must fail on it. A text that is not found exactly once has moved on: the mutant has to follow it.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { outputOfMutant } from '@inorder/testing/mutant.ts'

const mutants: Record<string, { from: string; to: string }> = {
  'always from memory': {
    from: 'const isNext = after === null || lane.ahead.has(after) || lane.acknowledged.has(after)',
    to: 'const isNext = true',
  },
  'the predecessor is counted, not named': {
    from: 'lane.ahead.has(after) || lane.acknowledged.has(after)',
    to: 'lane.ahead.size + lane.acknowledged.size > 0',
  },
  'memory is kept after a failed send': {
    from: "become(lane, { state: 'idle', wanted: true, caughtUp: false, queue: [], bytes: 0, ahead: new Set() })",
    to: "become(lane, { state: 'idle' })",
  },
  'what was read stays in memory': {
    from: 'lane.queue.filter(({ eventId }) => !wasRead.has(eventId))',
    to: 'lane.queue',
  },
  'what is in flight is queued once more': {
    from: 'if (!lane || lane.ahead.has(eventId)) continue',
    to: 'if (!lane) continue',
  },
  'a lane sends while it is read': {
    from: "this.lanes.filter(({ state }) => state === 'idle')",
    to: "this.lanes.filter(({ state }) => state === 'idle' || state === 'reading')",
  },
  'a floor passes what is not complete': {
    from: 'first <= complete ? first : complete + 1n',
    to: 'first <= complete ? first : (first ?? complete + 1n)',
  },
}

describe('the histories fail for a table in which', { concurrency: 2 }, () => {
  for (const [name, { from, to }] of Object.entries(mutants))
    test(name, async () => {
      const output = await outputOfMutant({
        edits: [{ file: 'packages/messaging/src/outbox/lane-table.ts', from, to }],
        test: 'packages/messaging/src/outbox/lane-table.unit.ts',
        env: { LANE_SEED: '1', LANE_HISTORIES: '3000', LANE_SHRINK: 'no' },
      })
      const rule = output.match(/rule \d+, [^:]+/)?.[0]
      const runs = output.match(/Property failed after (\d+) tests/)?.[1]
      assert.ok(rule && runs, `no rule is named: ${output}`)
      console.log(`${name}: ${rule} (history ${runs})`)
    })
})
