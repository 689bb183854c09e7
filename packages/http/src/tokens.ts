// Who has sent a JWT, and what they may do. A signature costs more than the rest of a request, so what was checked is
// remembered: by the token's digest, until it expires, and while the issuer's keys are the same.
import { createHash } from 'node:crypto'
import { Problem } from '@inorder/contracts/problems.ts'
import { errors, type JWTPayload, jwtVerify } from 'jose'
import type { Caller } from './caller.ts'
import type { KeySet } from './key-set.ts'

/** None without a signature, none whose secret could be a public key (RFC 8725, 3.1). */
const algorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]
const toleranceSeconds = 30
const mostRemembered = 5_000

interface Remembered {
  caller: Caller
  until: number
  keys: object | undefined
}

export class Tokens {
  readonly #keys: KeySet
  readonly #options: Parameters<typeof jwtVerify>[2]
  readonly #remembered = new Map<string, Remembered>()

  constructor(keys: KeySet, issuer: string, audience: string) {
    this.#keys = keys
    this.#options = { algorithms, issuer, audience, clockTolerance: toleranceSeconds, requiredClaims: ['exp'] }
  }

  /** A text is why the token is refused. Rejects with `auth-unavailable`. */
  async callerOf(token: string): Promise<Caller | string> {
    const digest = createHash('sha256').update(token).digest('base64')
    const known = this.#remembered.get(digest)
    if (known && known.keys === this.#keys.current && Date.now() < known.until) return known.caller
    try {
      const { current } = this.#keys
      const { payload } = await jwtVerify(token, (header, jws) => this.#keys.keyOf(header, jws), this.#options)
      const caller = callerIn(payload)
      if (caller) this.#remember(digest, { caller, until: (payload.exp! + toleranceSeconds) * 1_000, keys: current })
      return caller ?? 'The token names nobody in sub.'
    } catch (error) {
      if (error instanceof Problem) throw error
      return whyRefused(error)
    }
  }

  #remember(digest: string, known: Remembered): void {
    if (this.#remembered.size >= mostRemembered) this.#remembered.delete(this.#remembered.keys().next().value!)
    this.#remembered.set(digest, known)
  }
}

/**
 * A subject; of a token without one, the client or at least the issuer. It goes into the audit and into headers of events:
 * nobody is called what is no text, or would end a line.
 */
function callerIn({ sub, client_id, azp, iss, scope, scp }: JWTPayload): Caller | undefined {
  const name = sub ?? client_id ?? azp ?? iss
  if (typeof name !== 'string' || !/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]{1,255}$/u.test(name)) return undefined
  const listed = scope ?? scp
  const given = typeof listed === 'string' ? listed.split(' ') : Array.isArray(listed) ? listed : []
  return { name, id: `jwt ${name}`, scopes: new Set(given) }
}

function whyRefused(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired.'
  if (error instanceof errors.JWTClaimValidationFailed)
    return `The token does not count here: its ${error.claim} is wrong or missing.`
  if (error instanceof errors.JOSEAlgNotAllowed) return 'The algorithm of the token is not taken.'
  if (error instanceof errors.JWKSNoMatchingKey) return 'The token is signed with a key that its issuer does not name.'
  if (error instanceof errors.JWKSMultipleMatchingKeys)
    return 'The token does not say which key it is signed with (kid).'
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'The signature of the token is wrong.'
  return 'The token cannot be read as a JWT.'
}
