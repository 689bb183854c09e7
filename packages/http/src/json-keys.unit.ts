import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { assertKeysOnce } from './json-keys.ts'

const check = (text: string) => assertKeysOnce(text, JSON.parse(text))

test('any value without a repeated key passes, however it is written', () => {
  fc.assert(
    fc.property(fc.json(), fc.integer({ min: 0, max: 3 }), (text, indent) => {
      check(JSON.stringify(JSON.parse(text), null, indent))
    }),
    { numRuns: 1000 },
  )
})

test('a repeated key is refused, wherever it is', () => {
  for (const text of [
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":2}',
    '{"items":[{"price":1},{"price":1, "price" :2}]}',
    '{"__proto__":1,"__proto__":2}',
    '{"a\\"":1,"a\\"":2}',
    '{"\\\\":1,"\\\\":2}',
    '{"":1,"":2}',
  ]) {
    assert.throws(() => check(text), SyntaxError, text)
  }
})

test('what only looks like a key passes', () => {
  for (const text of [
    '"a:"',
    '{"a":"\\"a\\":1"}',
    '["a","a"]',
    '{"a":"b:","b":":"}',
    '{"a\\\\":"x","a":1}',
    '3',
    '{"__proto__":1}',
  ])
    check(text)
})

test('a value nested too deep is refused', () => {
  check('['.repeat(100) + ']'.repeat(100))
  assert.throws(() => check('['.repeat(50_000) + ']'.repeat(50_000)), SyntaxError)
})
