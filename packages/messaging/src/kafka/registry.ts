// A thin client of the schema registry's Confluent API. An outage and an unknown id must not look alike: the first passes,
// the second makes a record poison.
import { assertDecimalsUnchanged } from './decimal-guard.ts'

/** No answer, or none that can be trusted: trying again helps. */
export class RegistryUnavailable extends Error {
  override readonly name = 'RegistryUnavailable'
}

/** The registry answered, and has no schema with this id. */
export class UnknownSchema extends Error {
  override readonly name = 'UnknownSchema'
}

interface RegistryAnswer {
  asked: string
  status: number
  body: unknown
}

const contentType = 'application/vnd.schemaregistry.v1+json'
const unknownSubject = 40401
const unknownId = 40403
const maxCached = 1_000

export class SchemaRegistry {
  readonly #url: string
  readonly #deadlineMs: number
  readonly #ids = new Map<string, Promise<number>>()
  readonly #schemas = new Map<number, Promise<string>>()

  /** `url` is that of the Confluent API, with its path; each request ends after `deadlineMs`. */
  constructor({ url, deadlineMs }: { url: string; deadlineMs: number }) {
    this.#url = url.replace(/\/$/, '')
    this.#deadlineMs = deadlineMs
  }

  /** The id of a schema (its text) under a subject; registers it if it is new there. */
  idOf(subject: string, schema: string): Promise<number> {
    return cached(this.#ids, `${subject} ${schema}`, () => this.#register(subject, schema))
  }

  /** The text of a schema. Rejects with UnknownSchema or RegistryUnavailable. */
  schemaOf(id: number): Promise<string> {
    return cached(this.#schemas, id, async () => {
      const answer = await this.#ask('GET', `/schemas/ids/${id}`)
      if (codeOf(answer) === unknownId) throw new UnknownSchema(`the registry has no schema ${id}`)
      return field(answer, 'schema', isText)
    })
  }

  /** Has the registry demand of each new schema of the subject that it can be read with every other, and reads every other. */
  async demandFullCompatibility(subject: string): Promise<void> {
    const level = 'FULL_TRANSITIVE'
    const path = `/config/${encodeURIComponent(subject)}`
    const current = await this.#ask('GET', path)
    if (current.status === 200 && field(current, 'compatibilityLevel', isText) === level) return
    field(await this.#ask('PUT', path, { compatibility: level }), 'compatibility', isText)
  }

  async #register(subject: string, schema: string): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}`
    const found = await this.#ask('POST', path, { schema })
    if (found.status === 200) return field(found, 'id', isNumber)
    assertDecimalsUnchanged(await this.#versions(path), schema)
    const created = await this.#ask('POST', `${path}/versions`, { schema })
    if (created.status === 409 || created.status === 422)
      throw new Error(`the registry refuses the schema for ${subject}: ${JSON.stringify(created.body)}`)
    return field(created, 'id', isNumber)
  }

  async #versions(path: string): Promise<string[]> {
    const list = await this.#ask('GET', `${path}/versions`)
    if (codeOf(list) === unknownSubject) return []
    if (!Array.isArray(list.body)) throw unexpected(list)
    return Promise.all(
      list.body.map(async (version) => field(await this.#ask('GET', `${path}/versions/${version}`), 'schema', isText)),
    )
  }

  async #ask(method: string, path: string, body?: object): Promise<RegistryAnswer> {
    const asked = `${method} ${path}`
    try {
      const response = await fetch(this.#url + path, {
        method,
        headers: { accept: contentType, ...(body && { 'content-type': contentType }) },
        ...(body && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(this.#deadlineMs),
      })
      return { asked, status: response.status, body: await response.json() }
    } catch (error) {
      throw new RegistryUnavailable(`${asked}: ${(error as Error).message}`, { cause: error })
    }
  }
}

/** Keeps what was learnt, not what failed; the oldest goes first. */
function cached<Key, Value>(cache: Map<Key, Promise<Value>>, key: Key, learn: () => Promise<Value>): Promise<Value> {
  const known = cache.get(key)
  if (known) return known
  for (const oldest of cache.keys()) if (cache.size >= maxCached) cache.delete(oldest)
  const value = learn()
  cache.set(key, value)
  value.catch(() => cache.delete(key))
  return value
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isNumber = (value: unknown): value is number => typeof value === 'number'

function member(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined
}

function field<Value>(answer: RegistryAnswer, name: string, is: (value: unknown) => value is Value): Value {
  const value = member(answer.body, name)
  if (answer.status !== 200 || !is(value)) throw unexpected(answer)
  return value
}

const codeOf = ({ status, body }: RegistryAnswer): unknown => (status === 404 ? member(body, 'error_code') : undefined)
const unexpected = ({ asked, status, body }: RegistryAnswer) =>
  new RegistryUnavailable(`${asked}: unexpected answer ${status} ${JSON.stringify(body)}`)
