import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import zlib from 'node:zlib'
import { compressionsAlgorithms, createRecordsBatch, Reader, readRecordsBatches } from '@platformatic/kafka'
import fc from 'fast-check'
import { AbortedTransactions } from './aborted.ts'
import { type Budget, mostOfBatch, readBatches } from './record-batch.ts'

type Codec = keyof typeof compressionsAlgorithms
const codecs: Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

interface Written {
  key?: Buffer
  value?: Buffer
  headers?: [Buffer, Buffer][]
  timestamp?: bigint
}

/** A batch as a producer makes it, placed at an offset as the broker does. */
function batchOf(
  records: readonly Written[],
  offset = 0,
  options: Parameters<typeof createRecordsBatch>[1] = {},
): Buffer {
  const messages = records.map(({ headers, ...record }) => ({ topic: 't', ...record, headers: new Map(headers) }))
  const bytes = Buffer.from(createRecordsBatch(messages as never, options).buffer)
  bytes.writeBigInt64BE(BigInt(offset))
  return bytes
}

/** A batch of this body, whatever it is. */
function batchAround(body: Buffer, codec: number, count: number, offset = 0): Buffer {
  const bytes = Buffer.concat([batchOf([{ value: Buffer.from('x') }], offset).subarray(0, 61), body])
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt16BE(codec, 21)
  bytes.writeInt32BE(count - 1, 23)
  bytes.writeInt32BE(count, 57)
  return bytes
}

const read = (bytes: Buffer, budget: Budget = { ...mostOfBatch }) =>
  readBatches(bytes, new AbortedTransactions([]), budget)

const anyBytes = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes))
const anyRecord = fc.record({
  key: fc.option(anyBytes, { nil: undefined }),
  value: fc.option(anyBytes, { nil: undefined }),
  headers: fc.array(fc.tuple(anyBytes, anyBytes), { maxLength: 3 }),
  timestamp: fc.bigInt({ min: 0n, max: 2n ** 52n }),
}) as fc.Arbitrary<Written>

test('batches are read as the client reads them, whatever is in the records and however they are packed', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.array(anyRecord, { minLength: 1, maxLength: 8 }), fc.constantFrom(...codecs)), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.nat(40),
      (batches, cut) => {
        const bytes = Buffer.concat(
          batches.map(([records, compression], n) => batchOf(records, n * 100, { compression })),
        )
        // The broker cuts the last one off where it likes.
        const answered = bytes.subarray(0, bytes.length - cut)
        assert.deepEqual(read(answered), readRecordsBatches(Reader.from(answered)))
      },
    ),
  )
})

test('a batch that unpacks to more than 16 MiB is stepped over: its reference tells its bytes, the others are read', () => {
  const zeros = Buffer.alloc(60 * 1024 * 1024)
  const snappy = compressionsAlgorithms.snappy.compressSync(zeros)
  // As Java's writer does it: each chunk with its length, none of them too large.
  const chunk = compressionsAlgorithms.snappy.compressSync(zeros.subarray(0, 1024 * 1024))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(chunk.length)
  const xerial = Buffer.concat([
    Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]),
    ...Array.from({ length: 60 }, () => [length, chunk]).flat(),
  ])
  const bombs: [number, Buffer][] = [
    [1, zlib.gzipSync(zeros)],
    [2, snappy],
    [2, xerial],
    [3, compressionsAlgorithms.lz4.compressSync(zeros)],
    [4, zlib.zstdCompressSync(zeros)],
    [0, zeros.subarray(0, 17 * 1024 * 1024)],
  ]
  for (const [codec, body] of bombs) {
    const bomb = batchAround(body, codec, 3, 10)
    const good = [{ value: Buffer.from('good') }]
    const [before, refused, after] = read(Buffer.concat([batchOf(good, 9), bomb, batchOf(good, 13)]))
    assert.equal(before?.records.length, 1)
    assert.deepEqual([refused?.firstOffset, refused?.lastOffsetDelta, refused?.records], [10n, 2, []])
    const sha256 = createHash('sha256').update(bomb).digest('hex')
    assert.partialDeepStrictEqual(refused?.unreadable, { cause: 'batch-unreadable', bytes: bomb.length, sha256 })
    assert.match(refused!.unreadable!.detail, /more than 16777216 bytes/)
    assert.equal(after?.records[0]?.value?.toString(), 'good')
  }
})

test('what is just small enough is read, with each codec', () => {
  const value = Buffer.alloc(15 * 1024 * 1024)
  for (const compression of codecs) {
    const [batch] = read(batchOf([{ value }], 0, { compression }))
    assert.equal(batch?.records[0]?.value?.length, value.length, compression)
  }
})

test('millions of tiny records or headers are stepped over too', () => {
  const record = Buffer.from([12, 0, 0, 0, 1, 1, 0])
  const tiny = Buffer.concat(Array.from({ length: 200_000 }, () => record))
  const [many] = read(batchAround(zlib.zstdCompressSync(tiny), 4, 200_000))
  assert.match(many?.unreadable?.detail ?? '', /more than 100000 records/)
  // Length 400,006; attributes, timestamp, offset, no key, no value; 200,000 headers without a name or value.
  const ofHeaders = Buffer.concat([
    Buffer.from([0x8c, 0xea, 0x30, 0, 0, 0, 1, 1, 0x80, 0xb5, 0x18]),
    Buffer.alloc(400_000),
  ])
  const [one] = read(batchAround(zlib.zstdCompressSync(ofHeaders), 4, 1))
  assert.match(one?.unreadable?.detail ?? '', /more than 100000 records and headers/)
})

test('damage never throws, ends in a reference or in records, and never stops what follows', () => {
  const good = batchOf([{ value: Buffer.from('good') }], 5)
  fc.assert(
    fc.property(
      fc.array(anyRecord, { minLength: 1, maxLength: 5 }),
      fc.constantFrom(...codecs),
      fc.nat(),
      fc.nat(255),
      (records, compression, at, byte) => {
        const bytes = batchOf(records, 0, { compression })
        bytes[61 + (at % (bytes.length - 61))] = byte
        const [damaged, after] = read(Buffer.concat([bytes, good]))
        assert.ok(damaged?.unreadable || damaged?.records.length === records.length)
        assert.equal(after?.records[0]?.value?.toString(), 'good')
      },
    ),
    { numRuns: 500 },
  )
})

test('an unknown codec is stepped over, a checksum that is wrong is told', () => {
  const unknown = read(batchAround(Buffer.from('???'), 5, 1))[0]
  assert.match(unknown?.unreadable?.detail ?? '', /compression 5 is not known.*checksum is wrong/)
})

test('an answer gives no more than its budget, but one batch at least', () => {
  const batches = Array.from({ length: 4 }, (_, n) =>
    batchOf([{ value: Buffer.alloc(10 * 1024 * 1024) }], n, { compression: 'zstd' }),
  )
  const budget = { ...mostOfBatch }
  assert.equal(read(Buffer.concat(batches), budget).length, 2)
  assert.equal(read(Buffer.concat(batches), budget).length, 0)
})
