// Where authentication is on, the sandboxes ask who calls as well: the services show them a key that is made at each start.
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { secretOf } from '@inorder/storage/settings.ts'
import { StartFailure } from './failure.ts'

export interface SandboxKey {
  key: string
  /** API_KEYS_FILE of the sandboxes: the user's own keys, and this one. */
  file: string
}

export function sandboxKey(data: string, env: NodeJS.ProcessEnv): SandboxKey | undefined {
  const { API_KEYS_FILE } = env
  if (!API_KEYS_FILE && !secretOf(env, 'AUTH_JWKS_URL')) return undefined
  const key = `ino_${randomBytes(32).toString('base64url')}`
  const line = `services ${createHash('sha256').update(key).digest('hex')} orders:write`
  const file = join(data, 'sandbox-keys')
  try {
    const own = API_KEYS_FILE ? readFileSync(API_KEYS_FILE, 'utf8') : ''
    mkdirSync(data, { recursive: true })
    writeFileSync(file, `${own.trimEnd()}\n${line}\n`, { mode: 0o600 })
  } catch (error) {
    throw new StartFailure(`the keys of the sandboxes cannot be written: ${(error as Error).message}`)
  }
  return { key, file }
}
