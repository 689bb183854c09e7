// The parser of request bodies: JSON in valid UTF-8, none of whose numbers loses a digit.
import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import { Problem } from '@inorder/contracts/problems.ts'
import { withoutInexact } from './exact-numbers.ts'
import { assertKeysOnce } from './json-keys.ts'

const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i

/** A body that is compressed, or in another encoding, would be read as something else, or called broken. */
export function assertPlainUtf8(headers: IncomingHttpHeaders): void {
  const { 'content-encoding': coding = 'identity', 'content-type': type = '' } = headers
  const encoding = charset.exec(type)?.[1] ?? 'utf-8'
  if (coding.toLowerCase() !== 'identity')
    throw new Problem('unsupported-media-type', 'A body must come without a Content-Encoding.')
  if (!/^utf-?8$/i.test(encoding)) throw new Problem('unsupported-media-type', 'A body must be in UTF-8.')
}

/** What is read without a word of protest but means another thing than was sent does not pass. */
export function parseJson(body: Buffer): unknown {
  // Decoding would put U+FFFD in the place of bad bytes.
  if (!isUtf8(body)) throw malformed('is not valid UTF-8')
  const text = body.toString()
  try {
    const value: unknown = JSON.parse(text)
    assertKeysOnce(text, value)
    const exact = withoutInexact(text)
    return exact === text ? value : JSON.parse(exact)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw malformed(`cannot be read as JSON: ${reason.slice(0, 200)}`)
  }
}

const malformed = (message: string) =>
  new Problem('malformed-json', `The body ${message}.`, { errors: [{ field: 'body', message }] })
