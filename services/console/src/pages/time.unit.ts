import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ageOf, when } from './time.ts'

const then = '2026-11-23T14:20:19.412Z'
const later = (seconds: number) => Date.parse(then) + seconds * 1_000

test('an age is told in the largest unit of which there are two', () => {
  const ages = [-5, 0, 119, 120, 7_199, 7_200, 172_799, 172_800].map((seconds) => ageOf(then, later(seconds)))
  assert.deepEqual(ages, [
    '0 s ago',
    '0 s ago',
    '119 s ago',
    '2 min ago',
    '119 min ago',
    '2 h ago',
    '47 h ago',
    '2 d ago',
  ])
})

test('a time is shown in UTC; what is none is shown as it is, escaped', () => {
  assert.match(when(then, later(5)).text, />2026-11-23 14:20:19 UTC <span class="age">5 s ago</)
  assert.equal(when('<b>', 0).text, '&lt;b&gt;')
  assert.match(when(null, 0).text, /none/)
})
