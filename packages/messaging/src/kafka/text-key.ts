import { isUtf8 } from 'node:buffer'
import type { KeyCodec } from './topic.ts'

/** An index of PostgreSQL takes 2,704 bytes a row: 128 code points are 512 at most. */
const longestKey = 128
/** Most keys are such: asking for classes of Unicode costs five times as much. */
const plainAscii = /^[ -~]*$/
// No path and no cursor could name another.
const plainText = /^[^\p{Cc}\p{Cs}]*$/u

/** Keys that are texts: 1 to 128 code points in UTF-8, without control characters. */
export const textKey = <Event>(keyOf: (event: Event) => string): KeyCodec<Event> => ({
  encode: (event) => Buffer.from(keyOf(event)),
  decode(bytes) {
    if (!isUtf8(bytes)) throw new RangeError('the key is not UTF-8')
    const key = bytes.toString()
    if (key === '') throw new RangeError('the key is empty')
    // A code point has one or two units: most keys need not be counted.
    if (key.length > longestKey && (key.length > 2 * longestKey || [...key].length > longestKey))
      throw new RangeError(`the key is longer than ${longestKey} code points`)
    if (!plainAscii.test(key) && !plainText.test(key)) throw new RangeError('the key holds control characters')
    return key
  },
})
