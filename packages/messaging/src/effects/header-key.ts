import { createHash } from 'node:crypto'

/** What receivers take at least, by the draft of the header. */
const longestKey = 255

/**
 * An effect's key as a header can hold it: the event id in it may be anybody's. Each character that is no visible ASCII,
 * and the percent sign, is percent-encoded; what is too long then is its digest. No two keys become one.
 */
export function headerKey(key: string): string {
  const encoded = key.replace(/[^\x21-\x24\x26-\x7e]/gu, encodeURIComponent)
  return encoded.length <= longestKey ? encoded : `sha256-${createHash('sha256').update(key).digest('hex')}`
}
