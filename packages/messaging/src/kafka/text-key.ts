import { isUtf8 } from 'node:buffer'
import type { KeyCodec } from './topic.ts'

/** An index of PostgreSQL takes 2,704 bytes a row: 128 code points are 512 at most. */
const longestKey = 128
// No path and no cursor could name such a key.
const plainText = /^[^\p{Cc}\p{Cs}]*$/u

/** Keys that are texts: 1 to 128 code points in UTF-8, without control characters. */
export const textKey = <Event>(keyOf: (event: Event) => string): KeyCodec<Event> => ({
  encode: (event) => Buffer.from(keyOf(event)),
  decode(bytes) {
    const key = bytes.toString()
    if (!isUtf8(bytes)) throw new RangeError('the key is not UTF-8')
    const length = key.length > longestKey ? [...key].length : key.length
    if (length < 1 || length > longestKey) throw new RangeError(`a key of ${length} code points`)
    if (!plainText.test(key)) throw new RangeError('the key holds control characters')
    return key
  },
})
