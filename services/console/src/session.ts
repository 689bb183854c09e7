// Who is signed in at the console: the credential of the user in a cookie that only the console can read. It is checked at
// each request like one that came in Authorization, and is what the services are shown.
import { createHash, randomBytes } from 'node:crypto'
import { Problem } from '@inorder/contracts/problems.ts'
import type { FastifyRequest } from 'fastify'
import { EncryptJWT, jwtDecrypt } from 'jose'

const name = 'inorder-session'
const seconds = 8 * 60 * 60
/** A browser keeps 4,096 bytes of a cookie, and encrypted it is a third longer. */
const longest = 2_800
const safe = ['GET', 'HEAD', 'OPTIONS']
/** So many that were signed out are remembered, whatever somebody sends. */
const mostEnded = 1_000

/** Why nobody can be signed in with this; undefined: they can. Whether it counts is asked at each request. */
export function faultIn(credential: string): string | undefined {
  if (!/^[\w.~+/-]+=*$/.test(credential)) return 'This is neither an API key nor a token.'
  if (credential.length > longest) return `A token of more than ${longest} characters does not fit into a cookie.`
  return undefined
}

export class Sessions {
  readonly #key: Uint8Array
  /** Signed out here, before their time. */
  readonly #ended = new Set<string>()

  /** Without a secret nobody is signed in any more after a restart. */
  constructor(secret: string | undefined) {
    this.#key = secret === undefined ? randomBytes(32) : createHash('sha256').update(secret).digest()
  }

  /** The value of Set-Cookie. */
  async begin(credential: string, request: FastifyRequest): Promise<string> {
    const value = await new EncryptJWT({ credential })
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .setExpirationTime(`${seconds} s`)
      .encrypt(this.#key)
    return cookie(value, seconds, request)
  }

  /** The value of Set-Cookie. */
  async end(request: FastifyRequest): Promise<string> {
    const value = valueIn(request)
    if (value !== undefined && (await this.#read(value)) !== undefined) this.#ended.add(value)
    for (const oldest of [...this.#ended].slice(0, -mostEnded)) this.#ended.delete(oldest)
    return cookie('', 0, request)
  }

  /** Of a request that came with a session: it is too old by now, or was signed out. */
  async hasEnded(request: FastifyRequest): Promise<boolean> {
    return valueIn(request) !== undefined && (await this.credentialIn(request)) === undefined
  }

  /** Of a request that shows no credential itself. Throws `foreign-origin` for a write that does not say where it comes from. */
  async credentialIn(request: FastifyRequest): Promise<string | undefined> {
    const { headers, method } = request
    const value = valueIn(request)
    if (value === undefined || this.#ended.has(value)) return undefined
    const credential = await this.#read(value)
    if (credential !== undefined && !safe.includes(method) && headers.origin === undefined)
      throw new Problem('foreign-origin', 'It is not known which page sent this: the request has no Origin.')
    return credential
  }

  async #read(value: string): Promise<string | undefined> {
    try {
      const options = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] }
      const { payload } = await jwtDecrypt<{ credential: string }>(value, this.#key, options)
      return payload.credential
    } catch {
      // Too old, of another key, or no cookie of ours: nobody is signed in.
      return undefined
    }
  }
}

const valueIn = ({ headers }: FastifyRequest): string | undefined =>
  new RegExp(`(?:^|; *)${name}=([\\w.-]+)`).exec(headers.cookie ?? '')?.[1]

const cookie = (value: string, maxAge: number, { protocol }: FastifyRequest) =>
  `${name}=${value}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${maxAge}${protocol === 'https' ? '; Secure' : ''}`
