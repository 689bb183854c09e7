import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalTime, formats } from './formats.ts'

test('a time is UTC, of the calendar, with at most milliseconds', () => {
  const { validate } = formats['utc-time']
  for (const time of [
    '2026-11-23T14:20:19Z',
    '2026-11-23T14:20:19.1Z',
    '2024-02-29T00:00:00.000Z',
    '0001-01-01T00:00:00Z',
  ]) {
    assert.ok(validate(time), time)
  }
  for (const time of [
    '2026-11-23',
    '2026-11-23T14:20Z',
    '2026-11-23T14:20:19',
    '2026-11-23T14:20:19+00:00',
    '2026-11-23T14:20:19.0001Z',
    '2026-11-23t14:20:19z',
    '2026-02-30T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-11-23T24:00:00Z',
    '2026-11-23T14:20:60Z',
    '0000-01-01T00:00:00Z',
    '+012026-11-23T14:20:19Z',
    ' 2026-11-23T14:20:19Z',
  ]) {
    assert.ok(!validate(time), time)
  }
  assert.equal(canonicalTime('2026-11-23T14:20:19.1Z'), '2026-11-23T14:20:19.100Z')
})

test('text holds no control characters and no lone surrogates', () => {
  const { validate } = formats.text
  for (const text of ['', 'o-1', 'Größe', '🛒', 'a b', '/..?#%', '\u2028']) assert.ok(validate(text), text)
  for (const text of ['\0', 'a\nb', '\x7f', '\x85', '\ud83d', '\udc00a', 'a\ud83d'])
    assert.ok(!validate(text), escape(text))
})
