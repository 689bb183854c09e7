import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { suite, test } from 'node:test'
import { modelRegistry, modelTopic } from '../inbox/model-topic.fixture.ts'
import { Decoder } from './decode.ts'
import { bounded, largestRecord } from './large-records.ts'

const record = (key: Buffer | null, value: Buffer | null, header = 0) => ({
  partition: 0,
  offset: 7n,
  timestamp: 0n,
  key,
  value,
  headers: [[Buffer.from('h'), Buffer.alloc(header)]] as [Buffer, Buffer][],
})

suite('rule 16: a record over the bound', () => {
  test('what the cart may write is kept whole', () => {
    const largest = record(Buffer.alloc(512, 'k'), Buffer.alloc(1_000_005), 2_000)
    assert.equal(bounded(largest), largest)
  })

  test('is a reference: its length, its digest, and its key where that may be usable', () => {
    const key = Buffer.from('o-1')
    const value = Buffer.alloc(largestRecord, 'v')
    const { reference, ...rest } = bounded(record(key, value))
    assert.deepEqual(rest, { partition: 0, offset: 7n, timestamp: 0n, key, value: null, headers: [] })
    const sha256 = createHash('sha256').update(key).update(value).digest('hex')
    assert.deepEqual([reference?.cause, reference?.bytes, reference?.sha256], ['too-large', largestRecord + 3, sha256])
    assert.ok(bounded(record(key, null, largestRecord)).reference, 'headers count too')
  })

  test('holds its key, or none where the key is too long', async () => {
    const decoder = new Decoder(modelTopic('events'), modelRegistry)
    const value = Buffer.alloc(largestRecord)
    const entries = await decoder.decodeAll('topic', [
      record(Buffer.from('o-1'), value),
      record(Buffer.alloc(600, 'k'), value),
    ])
    assert.deepEqual(
      entries.map(({ key, keyless, fault }) => [key, keyless, fault?.cause]),
      [
        ['o-1', false, 'too-large'],
        ['@events:0:7', true, 'too-large'],
      ],
    )
  })
})
