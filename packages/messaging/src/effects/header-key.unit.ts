import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { headerKey } from './header-key.ts'

test('a key of ours goes out as it is', () => {
  assert.equal(headerKey('0e9cbb73-21e4-4cd0-b8fd-403f5602c4ce:1'), '0e9cbb73-21e4-4cd0-b8fd-403f5602c4ce:1')
})

test('whatever an event id holds, its key is a header value, the same each time, and no other key becomes it', () => {
  assert.deepEqual([headerKey('é 1:1'), headerKey('%C3%A9 1:1')], ['%C3%A9%201:1', '%25C3%25A9%201:1'])
  const text = fc.string({ unit: 'binary', maxLength: 60 })
  fc.assert(
    fc.property(text, text, (one, other) => {
      const sent = new Request('http://127.0.0.1', { headers: { 'idempotency-key': headerKey(one) } })
      assert.equal(sent.headers.get('idempotency-key'), headerKey(one))
      assert.ok(headerKey(one).length <= 255)
      assert.equal(headerKey(one) === headerKey(other), one === other)
    }),
  )
})
