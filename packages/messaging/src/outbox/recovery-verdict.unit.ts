import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Evidence, judge, type Verdict } from './recovery-verdict.ts'

/** `2` is the event that this database made of version 2, `2'` one that another history made. `x`: nobody can read it. */
function evidence(version: number, unpublished: string[], log: string[]): Evidence {
  const first = new Map<number, { eventId: string; at: number }>()
  const unreadable: number[] = []
  for (const [i, eventId] of log.entries()) {
    const of = Number.parseInt(eventId, 10)
    if (eventId === 'x') unreadable.push(i + 1)
    else if (!first.has(of)) first.set(of, { eventId, at: i + 1 })
  }
  const rows = unpublished.map((eventId) => ({ version: Number.parseInt(eventId, 10), eventId }))
  return { version, unpublished: rows, log: first, unreadable }
}

const nothing = { becomes: undefined, published: [], dropped: [], hold: undefined }
const gap = (...missing: [number, number][]) => ({
  cause: 'gap',
  missing: missing.map(([from, to]) => ({ from, to })),
})
const unreadable = (...missing: [number, number][]) => ({ ...gap(...missing), cause: 'undecodable' })

const cases: [string, Evidence, Partial<Verdict> | { hold: ReturnType<typeof gap> }][] = [
  ['nothing new', evidence(3, [], ['2', '3']), {}],
  ['published, and the row of the outbox not deleted yet', evidence(3, ['3'], ['2', '3']), { published: ['3'] }],
  ['not published yet', evidence(3, ['2', '3'], ['1']), {}],
  ['the backup lacks the newest versions', evidence(1, [], ['2', '3']), { becomes: 3 }],
  ['there is no such key', evidence(0, [], ['1', '2']), { becomes: 2 }],
  ['two histories', evidence(3, ['2', '3'], ["2'"]), { becomes: 2, dropped: ['2', '3'] }],
  ['two histories, the other is longer', evidence(2, ['2'], ["2'", "3'"]), { becomes: 3, dropped: ['2'] }],
  ['what is below the fork is published', evidence(3, ['2', '3'], ["3'"]), { becomes: 3, dropped: ['3'] }],
  [
    'what is behind the fork and in the log',
    evidence(3, ['2', '3'], ["2'", '3']),
    { becomes: 3, published: ['3'], dropped: ['2'] },
  ],
  ['the outbox fills the gap', evidence(2, ['2'], ['1', '3']), { becomes: 3 }],
  ['an event far above', evidence(3, ['2', '3'], ['1', '9']), { hold: gap([4, 8]) }],
  ['as far as there is no gap', evidence(1, [], ['2', '3', '5', '8']), { becomes: 3, hold: gap([4, 4], [6, 7]) }],
  [
    'a fork below a gap',
    evidence(4, ['2', '3', '4'], ["3'", '9']),
    { becomes: 3, dropped: ['3', '4'], hold: gap([4, 8]) },
  ],
  ['an unknown key that does not begin', evidence(0, [], ['9']), { hold: gap([1, 8]) }],
  ['a key that came in another order', evidence(1, [], ['3', '2']), { becomes: 3 }],
  ['nobody can read the newest', evidence(1, [], ['2', 'x']), { becomes: 2, hold: unreadable() }],
  ['nobody can read the only one', evidence(0, [], ['x']), { hold: unreadable() }],
  ['nobody can read the missing one', evidence(1, [], ['2', 'x', '4']), { becomes: 2, hold: unreadable([3, 3]) }],
  ['garbage that later versions follow without a gap', evidence(1, [], ['x', '2', 'x', '3']), { becomes: 3 }],
  ['garbage below what the row knows', evidence(3, [], ['2', 'x', '3']), {}],
  ['garbage above what the row knows', evidence(3, [], ['2', '3', 'x']), { hold: unreadable() }],
  ['a repeat behind garbage settles nothing', evidence(2, [], ['2', 'x', '2']), { hold: unreadable() }],
]

for (const [name, given, then] of cases)
  test(name, () => {
    assert.deepEqual(judge(given), { ...nothing, ...then })
  })

const histories = fc
  .record({
    version: fc.nat(8),
    waiting: fc.nat(8),
    log: fc.array(fc.constantFrom('x', ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].flatMap((v) => [`${v}`, `${v}'`])), {
      maxLength: 14,
    }),
  })
  .map(({ version, waiting, log }) => {
    const unpublished = Array.from({ length: Math.min(waiting, version) }, (_, i) => version - i).reverse()
    return evidence(version, unpublished.map(String), log)
  })

test('rule 12: no row leaves the outbox untold, no version of the log is given away, no gap is written above', () => {
  fc.assert(
    fc.property(histories, (given) => {
      const { becomes, published, dropped, hold } = judge(given)
      const version = becomes ?? given.version
      for (const eventId of published)
        assert.ok(
          [...given.log.values()].some((event) => event.eventId === eventId),
          `${eventId} is in the log`,
        )
      assert.equal(new Set([...published, ...dropped]).size, published.length + dropped.length)
      if (becomes !== undefined) assert.ok(given.log.has(becomes), 'the log says what it becomes')

      const stays = given.unpublished.filter(({ eventId }) => ![...published, ...dropped].includes(eventId))
      for (const row of stays) {
        assert.ok(row.version <= version, `${row.version} waits above the key's ${version}`)
        assert.ok(!given.log.has(row.version), `${row.version} is published beside the log's`)
      }
      // Versions up to here were never in doubt.
      const known = given.version - given.unpublished.length
      const there = new Set([...given.log.keys(), ...stays.map((row) => row.version)])
      for (let v = known + 1; v <= version; v++) assert.ok(there.has(v), `${v} is missing below ${version}`)
      if (hold) return
      for (const of of given.log.keys()) assert.ok(of <= version, `${of} would be given away again`)
      const settled = [...given.log.values()].map(({ at }) => at)
      for (const at of given.unreadable) assert.ok(settled.some((later) => later > at))
    }),
    { numRuns: 5_000 },
  )
})
