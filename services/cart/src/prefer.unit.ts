import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parsePrefer, preferenceApplied } from './prefer.ts'

const cases: [string | undefined, { waitMs: number; strict?: boolean }][] = [
  [undefined, { waitMs: 2_000 }],
  ['', { waitMs: 2_000 }],
  ['respond-async', { waitMs: 0 }],
  ['Respond-Async', { waitMs: 0 }],
  ['wait=5', { waitMs: 5_000 }],
  ['wait="5"', { waitMs: 5_000 }],
  ['wait = 5', { waitMs: 5_000 }],
  ['wait=0', { waitMs: 0 }],
  ['wait=31', { waitMs: 30_000 }],
  ['wait=99999999999999999999', { waitMs: 30_000 }],
  ['wait=-1', { waitMs: 2_000 }],
  ['wait=1.5', { waitMs: 2_000 }],
  ['wait=soon', { waitMs: 2_000 }],
  ['wait', { waitMs: 2_000 }],
  ['wait=1, wait=9', { waitMs: 1_000 }],
  ['respond-async, wait=5', { waitMs: 5_000 }],
  ['wait=5,respond-async', { waitMs: 5_000 }],
  ['wait=5; because="a, b"; x, handling=strict', { waitMs: 5_000, strict: true }],
  ['handling=strict', { waitMs: 2_000, strict: true }],
  ['Handling="STRICT"', { waitMs: 2_000, strict: true }],
  ['handling=lenient, handling=strict', { waitMs: 2_000 }],
  ['not one, wait=5', { waitMs: 5_000 }],
  ['=3, wait=5, "', { waitMs: 5_000 }],
  ['return=minimal, respond-async, handling=strict', { waitMs: 0, strict: true }],
]
for (const [header, { waitMs, strict = false }] of cases) {
  test(`Prefer: ${header}`, () => {
    const read = parsePrefer(header)
    assert.deepEqual([read.waitMs, read.strict], [waitMs, strict])
  })
}

test('any header gives a wait between 0 and 30 s, and never throws or hangs', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'wait=5;,"\\ \tx-') }), (header) => {
      const { waitMs } = parsePrefer(header)
      assert.ok(waitMs >= 0 && waitMs <= 30_000)
    }),
  )
  for (const [once, end] of ['wait;"|', '\\"|', '"\\"|\\', 'a |x'].map((c) => c.split('|') as [string, string])) {
    const began = performance.now()
    parsePrefer(`"${once.repeat(8_000)}${end}`)
    parsePrefer(`a${' '.repeat(16_000)}${once.repeat(8_000)}${end}`)
    assert.ok(performance.now() - began < 200, once)
  }
})

test('a header of 16 kB takes no longer than its length', () => {
  for (const header of [
    `wait=${' '.repeat(16_000)}x y`,
    `wait${' '.repeat(16_000)}x`,
    ' ,'.repeat(8_000),
    '"'.repeat(16_001),
  ]) {
    const before = process.threadCpuUsage()
    parsePrefer(header)
    const { user, system } = process.threadCpuUsage(before)
    assert.ok(user + system < 50_000, `${user + system} µs`)
  }
})

test('Preference-Applied names what was honoured', () => {
  const applied = (header: string, status = 202) => preferenceApplied(parsePrefer(header), status)
  assert.equal(applied('colour=red, wait=soon'), '')
  assert.equal(applied('respond-async'), 'respond-async')
  assert.equal(applied('respond-async', 201), '', 'it was there at once')
  assert.equal(applied('wait=99'), 'wait=30')
  assert.equal(applied('respond-async, wait=5, handling=strict'), 'respond-async, wait=5, handling=strict')
})
