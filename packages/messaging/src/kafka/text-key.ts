import { isUtf8 } from 'node:buffer'
import type { KeyCodec } from './topic.ts'

/** An index of PostgreSQL takes 2,704 bytes a row: 128 code points are 512 at most. */
const longestKey = 128
/** Most texts are such: asking for classes of Unicode costs five times as much. */
const plainAscii = /^[ -~]*$/
// No path and no cursor could name another.
const plainText = /^[^\p{Cc}\p{Cs}]*$/u

/** Keys that are texts: 1 to 128 code points in UTF-8, without control characters. */
export const textKey = <Event>(keyOf: (event: Event) => string): KeyCodec<Event> => ({
  encode: (event) => Buffer.from(keyOf(event)),
  decode(bytes) {
    if (!isUtf8(bytes)) throw new RangeError('the key is not UTF-8')
    const key = bytes.toString()
    const fault = textFault(key, longestKey)
    if (fault) throw new RangeError(`the key ${fault}`)
    return key
  },
})

/** Why a text is none of 1 to `longest` code points without control characters; undefined: it is one. */
export function textFault(text: string, longest: number): string | undefined {
  if (text === '') return 'is empty'
  // A code point has one or two units: most texts need not be counted.
  if (text.length > longest && (text.length > 2 * longest || [...text].length > longest))
    return `is too long: ${longest} code points are taken`
  return plainAscii.test(text) || plainText.test(text) ? undefined : 'holds control characters or lone surrogates'
}
