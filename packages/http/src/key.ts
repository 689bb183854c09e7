// npm run key -- new NAME SCOPES [EXPIRES]
// Makes an API key: prints it, once and nowhere else, and the line for API_KEYS_FILE.
import { newKey } from './new-key.ts'

const [command, ...fields] = process.argv.slice(2)
try {
  if (command !== 'new') throw new Error('npm run key -- new NAME SCOPES [EXPIRES]')
  const { name, key, line } = newKey(fields)
  console.log(`The key of ${name}, shown this once:\n${key}\n\nThe line for API_KEYS_FILE:\n${line}`)
} catch (error) {
  console.error(`no key was made: ${(error as Error).message}`)
  process.exitCode = 1
}
