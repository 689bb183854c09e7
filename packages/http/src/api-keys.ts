// API keys, and the file that says whose they are. It holds their digests, and is read again when it changes.
import { createHash, timingSafeEqual } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import type { FastifyBaseLogger } from 'fastify'
import { type Scope, scopes } from './scopes.ts'

export interface ApiKey {
  name: string
  /** SHA-256 of the whole key, `ino_` included. */
  digest: Buffer
  scopes: ReadonlySet<Scope>
  /** In ms since 1970; never: Infinity. */
  expires: number
}

export const isApiKey = (token: string): boolean => token.startsWith('ino_')
export const digestOf = (key: string): Buffer => createHash('sha256').update(key).digest()

const largestFile = 256 * 1024
const mostKeys = 1_000
/** A file that looks the same twice in a row is not being written any more. */
const lookMs = 500

const nameOf = /^\P{Cc}{1,128}$/u
const instant = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/

/** Reads `name sha256 scopes [expires]`, a key a line; empty lines and those that begin with # are skipped. Throws what is wrong, with the line. */
export function parseKeys(text: string): ApiKey[] {
  const keys = text.split(/\r?\n/).flatMap((line, n) => {
    if (/^\s*(#|$)/.test(line)) return []
    try {
      return [parseKey(line.trim())]
    } catch (error) {
      throw new Error(`line ${n + 1}: ${(error as Error).message}`)
    }
  })
  if (keys.length > mostKeys) throw new Error(`it holds ${keys.length} keys: ${mostKeys} are the most`)
  const digests = new Set(keys.map(({ digest }) => digest.toString('hex')))
  if (digests.size < keys.length) throw new Error('two lines are of the same key')
  return keys
}

function parseKey(line: string): ApiKey {
  const [name = '', sha256 = '', listed = '', expires, ...more] = line.split(/\s+/)
  if (listed === '' || more.length > 0) throw new Error('a line is `name sha256 scopes [expires]`')
  if (!nameOf.test(name)) throw new Error('a name has 1 to 128 characters')
  if (!/^[\da-f]{64}$/i.test(sha256)) throw new Error(`the sha256 of ${name} is not 64 hexadecimal digits`)
  const unknown = listed.split(',').filter((scope) => !scopes.includes(scope as Scope))
  if (unknown.length > 0)
    throw new Error(`unknown scope "${unknown.join(',')}" of ${name}: there are ${scopes.join(', ')}`)
  if (expires !== undefined && !(instant.test(expires) && Number.isFinite(Date.parse(expires))))
    throw new Error(`"${expires}", when the key of ${name} expires, is not ISO 8601 such as 2027-01-31T12:00:00Z`)
  return {
    name,
    digest: Buffer.from(sha256, 'hex'),
    scopes: new Set(listed.split(',') as Scope[]),
    expires: expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(expires),
  }
}

export class ApiKeys {
  readonly #path: string
  readonly #logger: FastifyBaseLogger
  #keys: readonly ApiKey[]
  /** How the file looked when it was read, and at the last look. */
  #read: string
  #seen: string
  #timer: NodeJS.Timeout | undefined

  /** Rejects when the file cannot be read, with what is wrong. */
  static async open(path: string, logger: FastifyBaseLogger): Promise<ApiKeys> {
    const look = await lookAt(path)
    return new ApiKeys(path, logger, look, await keysIn(path))
  }

  private constructor(path: string, logger: FastifyBaseLogger, look: string, keys: readonly ApiKey[]) {
    this.#path = path
    this.#logger = logger
    this.#keys = keys
    this.#read = look
    this.#seen = look
    this.#lookLater()
  }

  /** All digests are compared, each in constant time: how long it takes says nothing of a key. */
  find(key: string): ApiKey | undefined {
    const digest = digestOf(key)
    let found: ApiKey | undefined
    for (const one of this.#keys) if (timingSafeEqual(one.digest, digest)) found = one
    return found
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #lookLater(): void {
    this.#timer = setTimeout(async () => {
      await this.#look()
      if (this.#timer) this.#lookLater()
    }, lookMs).unref()
  }

  async #look(): Promise<void> {
    const look = await lookAt(this.#path)
    const isStill = look === this.#seen
    this.#seen = look
    if (look === this.#read || !isStill) return
    this.#read = look
    try {
      this.#keys = await keysIn(this.#path)
      this.#logger.info({ keys: this.#keys.length, path: this.#path }, 'API_KEYS_FILE has changed: its keys count now')
    } catch (error) {
      const why = (error as Error).message
      this.#logger.error(
        { path: this.#path, why },
        'API_KEYS_FILE has changed and cannot be read: the keys of before still count. Mend the file',
      )
    }
  }
}

/** Another text for each state of the file. */
async function lookAt(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return [ino, size, mtimeNs, ctimeNs].join(' ')
  } catch (error) {
    return (error as Error).message
  }
}

async function keysIn(path: string): Promise<ApiKey[]> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(largestFile + 1), 0, largestFile + 1, 0)
    if (bytesRead > largestFile) throw new Error(`it has more than ${largestFile} bytes`)
    return parseKeys(buffer.toString('utf8', 0, bytesRead))
  } finally {
    await file.close()
  }
}
