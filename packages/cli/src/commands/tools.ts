// What has a program of its own in this repository.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { newKey } from '@inorder/http/new-key.ts'
import type { Add } from '../command.ts'
import { type ExitCode, Failure } from '../failure.ts'

const doctor = fileURLToPath(new URL('../../../../stack/src/doctor.ts', import.meta.url))

export function addTools(add: Add): void {
  add(
    'doctor [service]',
    'whether Kafka, the registry and PostgreSQL are such that the promise holds, and each service answers (exit code 1: no, 2: not all could be checked)',
    ['doctor', 'doctor cart', 'doctor --json'],
    async (context, args) => {
      const child = spawn(process.execPath, [doctor, ...args, ...(context.json ? ['--json'] : [])], {
        stdio: 'inherit',
      })
      const [code] = (await once(child, 'exit')) as [number | null]
      return (code ?? 1) as ExitCode
    },
  )

  add(
    'key <new> <name> <scopes> [expires]',
    'make an API key: shown once, with its line for API_KEYS_FILE',
    ['key new shop orders:read,orders:write 2027-12-31', 'key new ann orders:read,operate'],
    async (context, [verb, ...fields]) => {
      if (verb !== 'new') throw new Failure('inorder key new NAME SCOPES [EXPIRES]')
      const { name, key, line } = made(fields)
      if (context.json) context.answer({ name, key, line })
      else context.print(`The key of ${name}, shown this once:`, key, '', 'The line for API_KEYS_FILE:', line)
    },
  )
}

function made(fields: readonly string[]): ReturnType<typeof newKey> {
  try {
    return newKey(fields)
  } catch (error) {
    throw new Failure(`no key was made: ${(error as Error).message}`, { cause: error })
  }
}
