import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ackedMessages } from './channel.ts'

test('rule 11: the pieces hold every id once, in order, and none is longer than 7,500 bytes', () => {
  fc.assert(
    fc.property(fc.array(fc.uuid(), { maxLength: 600 }), fc.string({ maxLength: 100, unit: 'binary' }), (ids, from) => {
      const messages = ackedMessages(from, ids)
      for (const message of messages) assert.ok(Buffer.byteLength(message) <= 7_500)
      assert.deepEqual(
        messages.flatMap((message) => JSON.parse(message).acked),
        ids,
      )
      assert.ok(messages.length <= Math.ceil(ids.length / 150))
    }),
    { numRuns: 30 },
  )
})
