import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import type { LogConsumer } from './log-consumer.ts'
import { RecordStream, type Stream } from './record-stream.ts'

/** A stream of the client that has these records at hand. */
function streamOf(records: object[]): Stream {
  const left = [...records]
  const stream = Object.assign(new EventEmitter(), {
    read: () => left.shift() ?? null,
    offsetsToFetch: new Map<string, bigint>(),
  })
  Object.defineProperty(stream, 'readableLength', { get: () => left.length })
  return stream as unknown as Stream
}
const consumer = { assignments: [{ topic: 't', partitions: [0] }], ends: new Map() } as unknown as LogConsumer

test('what is taken at once is bounded by the bytes of the headers too', () => {
  const value = Buffer.from('garbage')
  const large = [[Buffer.from('h'), Buffer.alloc(1024 * 1024 - 100)]]
  const record = (headerEntries: unknown[]) => (_: unknown, n: number) => {
    return { partition: 0, offset: BigInt(n), timestamp: 0n, key: Buffer.from('o'), value, headerEntries, metadata: {} }
  }
  const taken = (headers: unknown[]) =>
    new RecordStream('t', 'id', 1, consumer, streamOf(Array.from({ length: 50 }, record(headers)))).take(1_000)
  assert.equal(taken([]).records.length, 50)
  assert.equal(taken(large).records.length, 3)
})
