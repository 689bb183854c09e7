import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeHeaders, encodeHeaders } from './headers.ts'

test('headers come out of the outbox as they went in, whatever their names and bytes', () => {
  const name = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', 'constructor'))
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 5 }), (entries) => {
      const headers = Object.fromEntries(entries)
      const decoded = new Map([...decodeHeaders(encodeHeaders(headers))].map(([n, v]) => [n.toString(), v]))
      assert.deepEqual(decoded, new Map(Object.entries(headers).map(([n, v]) => [n, Buffer.from(v)])))
    }),
  )
})
