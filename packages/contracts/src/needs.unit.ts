import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupsOf, type Held, needsOf, type Standing } from './needs.ts'

const time = '2026-11-23T14:20:19.000Z'
const later = '2026-11-23T14:21:00.000Z'
const failing = (cause: string, key = 'o-1', since = time): Held => ({
  ...{ service: 'billing', what: 'effects', key, failing: true, cause, detail: null, since },
})
const standing = (more: Partial<Standing>): Standing => ({
  ...{ service: 'billing', reachable: true, missing: [], groups: [], jobs: [] },
  ...more,
})

test('what its receiver refuses needs someone from the first failure on; what it cannot take now comes back by itself', () => {
  const tones = (...causes: string[]) =>
    causes.map((cause) => needsOf([standing({ groups: groupsOf([failing(cause)], []) })])[0]?.tone)
  assert.deepEqual(tones('status-400', 'status-401', 'status-404', 'status-422'), ['held', 'held', 'held', 'held'])
  const unavailable = ['status-408', 'status-425', 'status-429', 'status-503', 'no-answer', 'answer-unreadable']
  assert.deepEqual(new Set(tones(...unavailable)), new Set(['waiting']))
})

test('a group is of one cause in one service, as old as its oldest, and names its order where it is the only one', () => {
  const two = [failing('status-401', 'o-2', later), failing('status-401')]
  const [both, other, ...none] = groupsOf([...two, failing('no-answer', 'o-3')], [])
  assert.deepEqual([both?.count, both?.oldest, both?.key], [2, time, undefined])
  assert.deepEqual([other?.cause, other?.key, none], ['no-answer', 'o-3', []])
  const [more] = needsOf([standing({ groups: groupsOf([failing('no-answer')], ['billing']) })])
  assert.deepEqual([more?.what.startsWith('1 or more orders wait'), more?.key], [true, undefined])
})

test('the newest job counts, what is paused does not, and a service that is not ready is told first', () => {
  const job = { id: 7, state: 'stopped', failed: 3, updatedAt: time }
  const needs = needsOf([
    standing({ jobs: [job, { ...job, id: 6 }] }),
    standing({ service: 'order', jobs: [{ ...job, state: 'done' }, job], missing: ['kafka'] }),
    standing({
      service: 'shipping',
      reachable: false,
      groups: groupsOf([{ ...failing('paused'), failing: false }], []),
    }),
  ])
  assert.deepEqual(
    needs.map(({ service, cause, job, detail }) => [service, cause, job ?? detail]),
    [
      ['order', 'not-ready', 'Missing: kafka'],
      ['shipping', 'service-unreachable', 'Is the process there?'],
      ['billing', 'job-stopped', 7],
    ],
  )
})
