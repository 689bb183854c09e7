// npm run key -- new NAME SCOPES [EXPIRES]
// Makes an API key: prints it, once and nowhere else, and the line for API_KEYS_FILE, which holds its digest only.
import { randomBytes } from 'node:crypto'
import { digestOf, parseKeys } from './api-keys.ts'
import { scopes } from './scopes.ts'

const [command, ...fields] = process.argv.slice(2)
const key = `ino_${randomBytes(32).toString('base64url')}`
const [name, ...rights] = fields
const line = [name, digestOf(key).toString('hex'), ...rights].join(' ')
try {
  if (command !== 'new' || fields.length < 2 || fields.some((field) => /\s/.test(field)))
    throw new Error('npm run key -- new NAME SCOPES [EXPIRES], none of them with a space')
  parseKeys(line)
  console.log(`The key of ${name}, shown this once:\n${key}\n\nThe line for API_KEYS_FILE:\n${line}`)
} catch (error) {
  console.error(`no key was made: ${(error as Error).message}`)
  console.error(`  scopes, with commas between: ${scopes.join(',')}; expires: 2027-01-31 or 2027-01-31T12:00:00Z`)
  process.exitCode = 1
}
