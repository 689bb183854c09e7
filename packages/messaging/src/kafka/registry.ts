// A thin client of the schema registry's Confluent API. An outage and an unknown id must not look alike: the first passes,
// the second makes a record poison.
import { once } from 'node:events'
import { request as http, type IncomingMessage } from 'node:http'
import { request as https } from 'node:https'
import { boundedText } from '@inorder/storage/bounded-text.ts'
import { assertDecimalsUnchanged } from './decimal-guard.ts'
import type { RegistryAccess } from './registry-access.ts'

/** No answer, or none that can be trusted: trying again helps. */
export class RegistryUnavailable extends Error {
  override readonly name: string = 'RegistryUnavailable'
}

/** The registry does not let us in, or is not the one that we trust. The message names the setting. */
export class RegistryDenied extends RegistryUnavailable {
  override readonly name = 'RegistryDenied'
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
/** Kafka keeps Confluent's schemas, of 1 MiB at most by default; as JSON text one may be twice as long. */
const longestAnswer = 4 * 1024 * 1024
/** Every schema of a subject can be read with every other one. */
export const fullCompatibility = 'FULL_TRANSITIVE'

export class SchemaRegistry {
  readonly #url: string
  readonly #deadlineMs: number
  readonly #access: RegistryAccess
  readonly #ids = new Map<string, Promise<number>>()
  readonly #schemas = new Map<number, Promise<string>>()

  /** `url` is that of the Confluent API, with its path; each request ends after `deadlineMs`. */
  constructor({
    url,
    deadlineMs,
    access = {},
  }: { url: string; deadlineMs: number; access?: RegistryAccess | undefined }) {
    this.#url = url.replace(/\/$/, '')
    this.#deadlineMs = deadlineMs
    this.#access = access
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

  /** The id under which a subject has this schema; undefined: it does not. Unlike `idOf` it registers nothing. */
  async registeredId(subject: string, schema: string): Promise<number | undefined> {
    const found = await this.#ask('POST', `/subjects/${encodeURIComponent(subject)}`, { schema })
    return found.status === 404 ? undefined : field(found, 'id', isNumber)
  }

  /** What is demanded of a subject's new schemas; undefined: nothing that is its own. */
  async compatibilityOf(subject: string): Promise<string | undefined> {
    const found = await this.#ask('GET', `/config/${encodeURIComponent(subject)}`)
    return found.status === 404 ? undefined : field(found, 'compatibilityLevel', isText)
  }

  /** Whether it serves the subject's newest schema now: nothing that was learnt before counts. */
  async serves(subject: string): Promise<boolean> {
    const latest = `/subjects/${encodeURIComponent(subject)}/versions/latest`
    return this.#ask('GET', latest).then(
      (answer) => answer.status === 200 && isText(member(answer.body, 'schema')),
      () => false,
    )
  }

  /** Has the registry demand of each new schema of the subject that it can be read with every other, and reads every other. */
  async demandFullCompatibility(subject: string): Promise<void> {
    if ((await this.compatibilityOf(subject)) === fullCompatibility) return
    const path = `/config/${encodeURIComponent(subject)}`
    field(await this.#ask('PUT', path, { compatibility: fullCompatibility }), 'compatibility', isText)
  }

  async #register(subject: string, schema: string): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}`
    const found = await this.#ask('POST', path, { schema })
    if (found.status === 200) return field(found, 'id', isNumber)
    assertDecimalsUnchanged(await this.#versions(path), schema)
    const created = await this.#ask('POST', `${path}/versions`, { schema })
    if (created.status === 409 || created.status === 422)
      throw new Error(`the registry refuses the schema for ${subject}: ${shown(created.body)}`)
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
    const signal = AbortSignal.timeout(this.#deadlineMs)
    let answer: RegistryAnswer
    try {
      const { status, text } = await this.#exchange(method, path, body && JSON.stringify(body), signal)
      answer = { asked, status, body: [401, 403].includes(status) ? undefined : JSON.parse(text) }
    } catch (error) {
      const { message, code = '' } = error as NodeJS.ErrnoException
      if (/CERT|^UNABLE_TO_/.test(code))
        throw new RegistryDenied(
          `the certificate of the schema registry is not trusted (${code}): mend SCHEMA_REGISTRY_CA_FILE, or the host in SCHEMA_REGISTRY_URL`,
          { cause: error },
        )
      const why = signal.aborted ? `no whole answer within ${this.#deadlineMs} ms` : message
      throw new RegistryUnavailable(`${asked}: ${why}`, { cause: error })
    }
    const { status } = answer
    if (status === 401 || status === 403)
      throw new RegistryDenied(
        `the schema registry refuses ${asked} (${status}): mend SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD, or SCHEMA_REGISTRY_TOKEN, or what that user may do`,
      )
    return answer
  }

  /** `fetch` of Node takes no certificates of a CA of one's own. */
  async #exchange(method: string, path: string, body: string | undefined, signal: AbortSignal) {
    const { authorization, ca } = this.#access
    const headers = {
      accept: contentType,
      ...(authorization && { authorization: authorization() }),
      ...(body && { 'content-type': contentType }),
    }
    const send = this.#url.startsWith('https:') ? https : http
    // A connection of its own: what is asked is kept, so that there is little to ask.
    const request = send(this.#url + path, { method, headers, signal, agent: false, ...(ca && { ca }) })
    request.end(body)
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const text = await boundedText(response, longestAnswer)
    if (text === undefined) throw new Error(`the answer has more than ${longestAnswer} bytes: mend SCHEMA_REGISTRY_URL`)
    return { status: response.statusCode ?? 0, text }
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
  new RegistryUnavailable(`${asked}: unexpected answer ${status} ${shown(body)}`)
/** The message is in each line of each try. */
const shown = (body: unknown): string => String(JSON.stringify(body)).slice(0, 500)
