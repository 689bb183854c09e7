import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { frame, unframe } from './wire-format.ts'

test('a frame is a zero byte, the id in 4 bytes, the body', () => {
  assert.deepEqual(frame(258, Buffer.from('body')), Buffer.from('\0\0\0\x01\x02body'))
})

test('any body comes out of its frame', () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.uint8Array(), (schemaId, bytes) => {
      const body = Buffer.from(bytes)
      assert.deepEqual(unframe(frame(schemaId, body)), { schemaId, body })
    }),
  )
})

test('what has no frame is refused', () => {
  for (const value of ['', '\0', '\0\0\0\0', '{"key":"o-1"}', '\x01\0\0\0\x01body']) {
    assert.throws(() => unframe(Buffer.from(value)), RangeError)
  }
})
