import type { KafkaRecord } from '@platformatic/kafka'
import { Unreadable } from './decompress.ts'

/**
 * The records of a batch's unpacked body, and not one more or less. `most` bounds records and headers together: each costs
 * memory far beyond its bytes, and 16 MiB can name millions. Throws Unreadable.
 */
export function readRecords(body: Buffer, count: number, lastOffsetDelta: number, most: number): KafkaRecord[] {
  if (count < 0) throw new Unreadable(`it counts ${count} records`)
  const cursor = new Cursor(body)
  const records: KafkaRecord[] = []
  let cells = count
  let before = -1
  for (let n = 0; n < count; n++) {
    if (cells > most) throw new Unreadable(`it has more than ${most} records and headers`)
    const length = cursor.varint()
    const end = cursor.at + length
    const attributes = cursor.byte()
    const timestampDelta = cursor.varlong()
    const offsetDelta = cursor.varint()
    if (offsetDelta <= before || offsetDelta > lastOffsetDelta) throw new Unreadable('the offsets in it do not ascend')
    before = offsetDelta
    const key = cursor.bytes()
    const value = cursor.bytes()
    const headerCount = cursor.varint()
    cells += headerCount
    if (headerCount < 0 || cells > most) throw new Unreadable(`it has more than ${most} records and headers`)
    const headers: KafkaRecord['headers'] = []
    for (let h = 0; h < headerCount; h++) headers.push([cursor.bytes(), cursor.bytes()])
    if (cursor.at !== end) throw new Unreadable('a record in it has another length than it says')
    records.push({ length, attributes, timestampDelta, offsetDelta, key, value, headers })
  }
  if (cursor.at !== body.length) throw new Unreadable('something follows its last record')
  return records
}

class Cursor {
  at = 0
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  byte(): number {
    const byte = this.#bytes[this.at++]
    if (byte === undefined) throw new Unreadable('it ends in the middle of a record')
    return byte
  }

  varint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte()
      value |= (byte & 127) << shift
      if (byte < 128) return (value >>> 1) ^ -(value & 1)
    }
    throw new Unreadable('a number in it has no end')
  }

  /** Nearly all are small, and numbers of any size are slow. */
  varlong(): bigint {
    const start = this.at
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte()
      value |= (byte & 127) << shift
      if (byte < 128) return BigInt((value >>> 1) ^ -(value & 1))
    }
    this.at = start
    let large = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte()
      large |= BigInt(byte & 127) << shift
      if (byte < 128) return BigInt.asIntN(64, (large >> 1n) ^ -(large & 1n))
    }
    throw new Unreadable('a number in it has no end')
  }

  bytes(): Buffer | null {
    const length = this.varint()
    if (length === -1) return null
    const start = this.at
    this.at += length
    if (length < 0 || this.at > this.#bytes.length) throw new Unreadable('it ends in the middle of a record')
    return this.#bytes.subarray(start, this.at)
  }
}
