import { createHash } from 'node:crypto'
import { crc32c } from '@platformatic/kafka'
import type { AbortedTransactions } from './aborted.ts'
import { decompress, Unreadable } from './decompress.ts'
import { codecOf, isControl, type LogBatch } from './log-batch.ts'
import { readRecords } from './records.ts'

/** What may come out of batches still. The last one may overdraw it by what one batch may hold. */
export interface Budget {
  bytes: number
  records: number
}

/** The broker's own default for a batch, packed, is 1 MiB. A batch of more cannot be told from one that shall harm. */
export const mostOfBatch: Readonly<Budget> = { bytes: 16 * 1024 * 1024, records: 100_000 }

const prefix = 12
const header = 61
const format = 2

/**
 * The batches of one partition's answer, as long as the budget lasts; the broker cuts the last one off where it likes.
 * Batches of aborted transactions come empty, and are not unpacked: the client goes on behind what it is given, so none is
 * left out. One that cannot be read comes with a reference; only a header that makes no sense is thrown.
 */
export function readBatches(bytes: Buffer, aborted: AbortedTransactions, budget: Budget): LogBatch[] {
  const batches: LogBatch[] = []
  for (let at = 0; at + prefix <= bytes.length && budget.bytes > 0 && budget.records > 0; ) {
    const end = at + prefix + bytes.readInt32BE(at + 8)
    if (end > bytes.length) break
    const batch = readHeader(bytes, at, end)
    if (isControl(batch)) {
      readBody(batch, bytes.subarray(at, end), budget)
      aborted.marker(batch)
    } else if (!aborted.hold(batch)) readBody(batch, bytes.subarray(at, end), budget)
    batches.push(batch)
    at = end
  }
  return batches
}

function readHeader(bytes: Buffer, at: number, end: number): LogBatch {
  const firstOffset = bytes.readBigInt64BE(at)
  const magic = bytes[at + 16]
  const lastOffsetDelta = end - at >= header ? bytes.readInt32BE(at + 23) : -1
  if (magic !== format || lastOffsetDelta < 0)
    throw new Error(`the log is damaged at offset ${firstOffset}, or older than Kafka 0.11: a batch without its header`)
  return {
    firstOffset,
    length: end - at - prefix,
    partitionLeaderEpoch: bytes.readInt32BE(at + 12),
    magic,
    crc: bytes.readUInt32BE(at + 17),
    attributes: bytes.readInt16BE(at + 21),
    lastOffsetDelta,
    firstTimestamp: bytes.readBigInt64BE(at + 27),
    maxTimestamp: bytes.readBigInt64BE(at + 35),
    producerId: bytes.readBigInt64BE(at + 43),
    producerEpoch: bytes.readInt16BE(at + 51),
    firstSequence: bytes.readInt32BE(at + 53),
    records: [],
  }
}

function readBody(batch: LogBatch, bytes: Buffer, budget: Budget): void {
  try {
    const body = unpacked(batch, bytes.subarray(header))
    const count = bytes.readInt32BE(header - 4)
    batch.records = readRecords(body, count, batch.lastOffsetDelta, mostOfBatch.records)
    budget.bytes -= body.length
    budget.records -= count
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    // Told only where it fails: counting it for each batch costs as much as reading it does.
    const damaged = crc32c(bytes.subarray(21)) !== batch.crc ? ' (its checksum is wrong: the log is damaged)' : ''
    batch.unreadable = {
      cause: 'batch-unreadable',
      detail: `a batch of ${batch.lastOffsetDelta + 1} offsets cannot be read: ${error.message}${damaged}`,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    }
  }
}

function unpacked(batch: LogBatch, body: Buffer): Buffer {
  if (codecOf(batch) !== 0) return decompress(codecOf(batch), body, mostOfBatch.bytes)
  if (body.length > mostOfBatch.bytes) throw new Unreadable(`it has more than ${mostOfBatch.bytes} bytes`)
  return body
}
