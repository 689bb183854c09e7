import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enoughFailures, Suspects } from './suspects.ts'

const odd = new TypeError('odd')
const times = (count: number, act: () => boolean) => Array.from({ length: count }, act)

test('rule 17: a record is refused for its own sake after enough equal failures in a row, with others succeeding between', () => {
  const suspects = new Suspects()
  const fail = (error: unknown = odd, othersSucceed = true, place = 't/0/1') =>
    suspects.failed(0, place, error, othersSucceed)
  assert.ok(times(enoughFailures - 1, () => fail()).every((is) => !is))
  assert.equal(fail(odd, false), false, 'the others fail alike: counted anew')
  assert.ok(times(enoughFailures - 1, () => fail()).every((is) => !is))
  assert.equal(fail(new RangeError('other')), false, 'another failure: counted anew')
  assert.ok(times(enoughFailures - 1, () => fail()).every((is) => !is))
  assert.equal(fail(odd, true, 't/0/2'), false, 'another record: counted anew')
  assert.equal(suspects.verdicts.size, 0)
  assert.ok(times(enoughFailures - 2, () => fail(odd, true, 't/0/2')).every((is) => !is))
  assert.equal(fail(odd, true, 't/0/2'), true)
  assert.equal(suspects.verdicts.get('t/0/2')?.cause, 'refused')
  suspects.moved(0)
  assert.equal(suspects.verdicts.size, 0)
  assert.ok(!suspects.has(0))
})
