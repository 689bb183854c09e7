import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { compatibilityPartitioner } from '@platformatic/kafka'
import fc from 'fast-check'
import { keyHash, partitionOf } from './partitioner.ts'

// Kafka's own UtilsTest.testMurmur2, and what its `Utils.murmur2` says of bytes that are no text.
const fromJava: Record<string, number> = {
  '21': -973932308,
  foobar: -790332482,
  'a-little-bit-long-string': -985981536,
  'a-little-bit-longer-string': -1486304829,
  lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
  abc: 479470107,
}
const bytesFromJava: Record<string, number> = {
  '': 275646681,
  '99': 1288378381,
  '1834': -1042682160,
  '5a94c9': -313141582,
  '390b7702': 612225306,
  '41f4b3e59247': -1134459280,
  '0016175aa147e1f3': 1440785583,
  e98ee81edf7fae40bfe793: 1432698610,
  ['ff'.repeat(64)]: -1833306161,
}

test('a key has the hash that Java gives it', () => {
  for (const [key, hash] of Object.entries(fromJava)) assert.equal(keyHash(Buffer.from(key)), hash & 0x7fffffff)
  for (const [hex, hash] of Object.entries(bytesFromJava))
    assert.equal(keyHash(Buffer.from(hex, 'hex')), hash & 0x7fffffff, hex)
  const vectors = JSON.parse(readFileSync(new URL('./murmur2-vectors.json', import.meta.url), 'utf8'))
  for (const { key, hash } of vectors) assert.equal(keyHash(Buffer.from(key)), hash, key)
})

test("any bytes have the hash of the client's own partitioner, which counts in numbers of any size", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const key = Buffer.from(bytes)
      assert.equal(keyHash(key), compatibilityPartitioner({ topic: '', value: key }, key))
    }),
    { numRuns: 2_000 },
  )
})

test('a key costs what its length costs, whoever wrote it: 200 kB is hashed in a moment', () => {
  const key = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 31 + 7) & 255))
  const begun = performance.now()
  assert.equal(keyHash(key), 1575332296)
  assert.ok(performance.now() - begun < 100, `${performance.now() - begun} ms`)
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
