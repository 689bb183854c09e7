import { randomBytes } from 'node:crypto'
import { digestOf, parseKeys } from './api-keys.ts'
import { scopes } from './scopes.ts'

/** A new API key, and its line for API_KEYS_FILE, which holds its digest only. `fields`: name, scopes, and when it expires. Throws what is wrong. */
export function newKey(fields: readonly string[]): { name: string; key: string; line: string } {
  const [name = '', ...rights] = fields
  if (fields.length < 2 || fields.some((field) => /\s/.test(field)))
    throw new Error('give NAME SCOPES [EXPIRES], none of them with a space')
  const key = `ino_${randomBytes(32).toString('base64url')}`
  const line = [name, digestOf(key).toString('hex'), ...rights].join(' ')
  try {
    parseKeys(line)
  } catch (error) {
    throw new Error(
      `${(error as Error).message}; scopes, with commas between: ${scopes.join(',')}; expires: 2027-01-31 or 2027-01-31T12:00:00Z`,
    )
  }
  return { name, key, line }
}
