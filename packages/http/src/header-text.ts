import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'

/** A header as it was meant: Node reads headers as Latin-1, and most clients send UTF-8. */
export function headerText(value: string): string {
  const bytes = Buffer.from(value, 'latin1')
  return isUtf8(bytes) ? bytes.toString() : value
}

/** How often a header (in small letters) was sent. Node keeps the first one of some, and joins others. */
export function countOf({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>, name: string): number {
  let count = 0
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const given = rawHeaders[n]!
    if (given.length === name.length && given.toLowerCase() === name) count++
  }
  return count
}
