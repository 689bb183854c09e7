import assert from 'node:assert/strict'
import { test } from 'node:test'
import { names, parseIfMatch, parseIfNoneMatch } from './preconditions.ts'

const cases: [string | undefined, { accepts: number[]; refuses: number[] }][] = [
  [undefined, { accepts: [1, 3], refuses: [] }],
  ['*', { accepts: [1, 3], refuses: [] }],
  ['"3"', { accepts: [3], refuses: [1, 2, 4, 33] }],
  ['"1", "3"', { accepts: [1, 3], refuses: [2] }],
  ['"1","3",', { accepts: [1, 3], refuses: [2] }],
  ['W/"3"', { accepts: [], refuses: [3] }],
  ['W/"3", "4"', { accepts: [4], refuses: [3] }],
  ['"other,3"', { accepts: [], refuses: [3] }],
  ['""', { accepts: [], refuses: [1] }],
]
for (const [header, { accepts, refuses }] of cases) {
  test(`If-Match: ${header}`, () => {
    const named = parseIfMatch(header)
    assert.ok(named)
    for (const version of accepts) assert.ok(names(named, version), `accepts ${version}`)
    for (const version of refuses) assert.ok(!names(named, version), `refuses ${version}`)
  })
}

for (const header of ['', '3', '"3', '"3" "4"', 'w/"3"', '*, "3"', '"3" x', ',']) {
  test(`If-Match: ${header} is malformed`, () => assert.equal(parseIfMatch(header), undefined))
}

test('If-None-Match names versions by the weak comparison', () => {
  const named = (header: string | undefined) => [1, 2, 3].filter((version) => names(parseIfNoneMatch(header)!, version))
  assert.deepEqual(named(undefined), [])
  assert.deepEqual(named('*'), [1, 2, 3])
  assert.deepEqual(named('"3"'), [3])
  assert.deepEqual(named('W/"3", "1"'), [1, 3])
  assert.equal(parseIfNoneMatch('3'), undefined)
})
