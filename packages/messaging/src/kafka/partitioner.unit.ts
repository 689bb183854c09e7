import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { keyHash, partitionOf } from './partitioner.ts'

// Kafka's own UtilsTest.testMurmur2.
const fromJava: Record<string, number> = {
  '21': -973932308,
  foobar: -790332482,
  'a-little-bit-long-string': -985981536,
  'a-little-bit-longer-string': -1486304829,
  lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
  abc: 479470107,
}

test('a key has the hash that Java gives it', () => {
  for (const [key, hash] of Object.entries(fromJava)) assert.equal(keyHash(Buffer.from(key)), hash & 0x7fffffff)
})

test('every key has a partition', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 128 }), fc.integer({ min: 1, max: 64 }), (key, partitions) => {
      const partition = partitionOf(Buffer.from(key), partitions)
      assert.ok(Number.isInteger(partition) && partition >= 0 && partition < partitions)
    }),
  )
  assert.equal(partitionOf(null, 6), 0)
})
