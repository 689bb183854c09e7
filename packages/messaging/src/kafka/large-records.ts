// A record may be larger than anything that the cart writes. Such a one is not kept: what stands for it says how long it
// is, and its digest, by which it is known again in the log.
import { createHash } from 'node:crypto'
import type { SourceRecord } from './record.ts'

/** Key, value and headers together. What the topic takes of the cart (`max.message.bytes`) is never over it; what is compressed may be. */
export const largestRecord = 1_048_588
/** A usable key has at most 128 characters of four bytes. */
const longestKey = 512

/** The record, or a reference in its place. Its key stays where it may be a usable one, which then is held. */
export function bounded(record: SourceRecord): SourceRecord {
  if (record.reference) return record
  if (bytesOf(record) <= largestRecord) return record
  const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0)
  const { partition, offset, timestamp, key } = record
  const detail = `key and value have ${bytes} bytes: with the headers more than ${largestRecord}. They stay in the log alone`
  const reference = { cause: 'too-large', detail, bytes, sha256: digestOf(record) } as const
  return {
    partition,
    offset,
    timestamp,
    key: key && key.length <= longestKey ? key : null,
    value: null,
    headers: [],
    reference,
  }
}

/** Key, value and headers. */
export function bytesOf({ key, value, headers }: Pick<SourceRecord, 'key' | 'value' | 'headers'>): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0)
  for (const [name, text] of headers) bytes += name.length + (text?.length ?? 0)
  return bytes
}

/** SHA-256 of key and value, in hex. */
export function digestOf({ key, value, reference }: SourceRecord): string {
  if (reference) return reference.sha256
  const hash = createHash('sha256')
  if (key) hash.update(key)
  if (value) hash.update(value)
  return hash.digest('hex')
}
