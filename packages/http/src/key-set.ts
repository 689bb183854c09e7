// The public keys of who issues our tokens, as fetched from AUTH_JWKS_URL. A set that was fetched once stays in use while
// no other can be had: an outage of the issuer does not shut the services.
//   none -> fetched -> fetched again: every 10 min, and for a token that names a key which is not in it
import { Problem } from '@inorder/contracts/problems.ts'
import { boundedText } from '@inorder/storage/bounded-text.ts'
import type { FastifyBaseLogger } from 'fastify'
import { createLocalJWKSet, errors, type FlattenedJWSInput, type JWSHeaderParameters } from 'jose'

const refreshMs = 600_000
const fetchWithinMs = 3_000
/** Tokens that name unknown keys cause one fetch in this time. */
const pauseMs = 1_000
const largestSet = 256 * 1024
const mostKeys = 100

type Keys = ReturnType<typeof createLocalJWKSet>

export class KeySet {
  readonly #url: string
  readonly #logger: FastifyBaseLogger
  readonly #timer: NodeJS.Timeout
  #keys: Keys | undefined
  #text = ''
  #fetching: Promise<void> | undefined
  #begunAt = Number.NEGATIVE_INFINITY

  constructor(url: string, logger: FastifyBaseLogger) {
    this.#url = url
    this.#logger = logger
    this.#timer = setInterval(() => this.#fetch(), refreshMs).unref()
    void this.#fetch()
  }

  /** Another object for each set of other keys. */
  get current(): object | undefined {
    return this.#keys
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** The key of a token; asked by jose. Rejects with `auth-unavailable` while there was never a set. */
  async keyOf(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<Awaited<ReturnType<Keys>>> {
    if (!this.#keys) await this.#fetch()
    const keys = this.#keys
    if (!keys)
      throw new Problem(
        'auth-unavailable',
        'The keys of who issues the tokens cannot be fetched, so none can be checked.',
      )
    try {
      return await keys(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      await this.#fetch()
      if (!this.#keys || this.#keys === keys) throw error
      return this.#keys(header, token)
    }
  }

  /** Joins the fetch that is under way; begins none shortly after another. Never rejects. */
  #fetch(): Promise<void> {
    if (this.#fetching) return this.#fetching
    if (performance.now() - this.#begunAt < pauseMs) return Promise.resolve()
    this.#begunAt = performance.now()
    this.#fetching = this.#fetchOnce().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #fetchOnce(): Promise<void> {
    try {
      const text = await read(this.#url)
      if (text === this.#text) return
      this.#keys = keysIn(text)
      this.#text = text
    } catch (error) {
      this.#logger.warn(
        { err: error, url: this.#url },
        this.#keys
          ? 'AUTH_JWKS_URL gives no keys now: those fetched before stay in use'
          : 'AUTH_JWKS_URL gives no keys: requests with a JWT are answered 503 until it does',
      )
    }
  }
}

async function read(url: string): Promise<string> {
  // A redirect could lead from https to http.
  const signal = AbortSignal.timeout(fetchWithinMs)
  const answer = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } })
  const text = await boundedText(answer.body, largestSet)
  if (text === undefined) throw new Error(`the answer has more than ${largestSet} bytes`)
  if (answer.status !== 200) throw new Error(`it answered ${answer.status}`)
  return text
}

function keysIn(text: string): Keys {
  const set = JSON.parse(text)
  const keys = createLocalJWKSet(set)
  const count = set.keys.length
  if (count === 0 || count > mostKeys) throw new Error(`it holds ${count} keys: 1 to ${mostKeys} are taken`)
  return keys
}
