import zlib from 'node:zlib'
import { compressionsAlgorithms } from '@platformatic/kafka'

/** What a batch holds cannot be read: it is too large unpacked, or not what its header says. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable'
}

const codecs: Record<number, (data: Buffer, most: number) => Buffer> = {
  1: (data, most) => zlib.gunzipSync(data, { maxOutputLength: most }),
  2: (data, most) => compressionsAlgorithms.snappy.decompressSync(ifWithin(most, snappyLength(data), data)),
  3: (data, most) => compressionsAlgorithms.lz4.decompressSync(ifWithin(most, lz4Length(data), data)),
  4: (data, most) => zlib.zstdDecompressSync(data, { maxOutputLength: most }),
}

/**
 * Unpacks, up to `most` bytes: some kB of zstd can stand for gigabytes, and whoever may write to the topic can send them.
 * Kafka has no limit of its own, as its broker compares the packed size. Throws Unreadable.
 */
export function decompress(codec: number, data: Buffer, most: number): Buffer {
  const unpack = codecs[codec]
  if (!unpack) throw new Unreadable(`compression ${codec} is not known`)
  try {
    return unpack(data, most)
  } catch (error) {
    if (error instanceof Unreadable) throw error
    const tooLarge = error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
    throw tooLarge ? over(most) : new Unreadable(`it does not decompress: ${String(error)}`, { cause: error })
  }
}

const over = (most: number) => new Unreadable(`unpacked it has more than ${most} bytes`)

function ifWithin(most: number, length: number, data: Buffer): Buffer {
  if (length > most) throw over(most)
  return data
}

const xerial = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const xerialHeader = 16

/** Snappy says its length first. Java's writer cuts into chunks, each with a length of its own. */
function snappyLength(data: Buffer): number {
  if (!data.subarray(0, xerial.length).equals(xerial)) return declared(data, 0)
  let length = 0
  for (let at = xerialHeader; at + 4 < data.length; at += 4 + data.readUInt32BE(at)) length += declared(data, at + 4)
  return length
}

function declared(data: Buffer, start: number): number {
  let length = 0
  for (let at = start, factor = 1; at < start + 5; at++, factor *= 128) {
    const byte = data[at] ?? 0
    length += (byte & 127) * factor
    if (byte < 128) return length
  }
  throw new Unreadable('it does not decompress: no length')
}

const lz4Frame = 0x184d2204
const lz4Blocks: Record<number, number> = { 4: 64 * 1024, 5: 256 * 1024, 6: 1024 * 1024, 7: 4 * 1024 * 1024 }
/** A byte of a block stands for 255 at most. */
const lz4Ratio = 255

/** The most that a frame can unpack to: its blocks' sum. The length that it may declare need not be true. */
function lz4Length(data: Buffer): number {
  if (data.length < 7 || data.readUInt32LE(0) !== lz4Frame) throw new Unreadable('it does not decompress: no LZ4 frame')
  const flags = data[4]!
  const [blockChecksum, contentSize, dictionary] = [flags & 16 ? 4 : 0, flags & 8 ? 8 : 0, flags & 1 ? 4 : 0]
  const largest = lz4Blocks[(data[5]! >> 4) & 7] ?? 0
  let length = 0
  for (let at = 7 + contentSize + dictionary; at + 4 <= data.length; ) {
    const size = data.readUInt32LE(at)
    if (size === 0) {
      if (at + 8 < data.length) throw new Unreadable('it does not decompress: something follows the LZ4 frame')
      return length
    }
    const packed = size & 0x7fffffff
    length += size >>> 31 ? packed : Math.min(largest, packed * lz4Ratio)
    at += 4 + packed + blockChecksum
  }
  return length
}
