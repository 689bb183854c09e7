// Who calls? Asked before the body is read, of every route that is not open (scopes.ts).
import { Problem } from '@inorder/contracts/problems.ts'
import { badConfig } from '@inorder/storage/settings.ts'
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify'
import { ApiKeys, isApiKey } from './api-keys.ts'
import { type AuthConfig, asksWhoCalls } from './auth-config.ts'
import { type Caller, nobody } from './caller.ts'
import { countOf } from './header-text.ts'
import { KeySet } from './key-set.ts'
import { isLoopback } from './loopback.ts'
import { scopeOf } from './scopes.ts'
import { Tokens } from './tokens.ts'

/** All headers together have 16 KiB. */
const longestToken = 8 * 1024
const warnEachMs = 60_000
const credentials = /^Bearer +([\w.~+/-]+=*)$/i

/** Without a setting that says whom to believe, everybody is answered. */
export async function authenticate(
  app: Pick<FastifyInstance, 'addHook' | 'decorateRequest'>,
  config: AuthConfig & { HOST: string },
  logger: FastifyBaseLogger,
): Promise<void> {
  app.decorateRequest('caller', null)
  if (!asksWhoCalls(config)) {
    app.decorateRequest('checkCaller', async () => {})
    return
  }
  const isPrivate = isLoopback(config.HOST) || config.TLS_CERT_FILE !== undefined || config.TRUST_PROXY !== undefined
  if (!isPrivate)
    logger.warn(
      'tokens come over the network in clear text: set TLS_CERT_FILE and TLS_KEY_FILE, or TRUST_PROXY to the proxy that ends TLS',
    )
  let warnedAt = Number.NEGATIVE_INFINITY
  /** TRUST_PROXY may name another than the proxy, or who calls go around it. */
  function warnOfClearText({ protocol, raw }: FastifyRequest): void {
    const { remoteAddress: from = '' } = raw.socket
    if (protocol === 'https' || isLoopback(from) || performance.now() - warnedAt < warnEachMs) return
    warnedAt = performance.now()
    logger.warn(
      { from },
      'a token came in clear text: TRUST_PROXY does not name this address, or what is there does not say X-Forwarded-Proto: https',
    )
  }
  const { AUTH_JWKS_URL, AUTH_ISSUER = '', AUTH_AUDIENCE = '' } = config
  const apiKeys = await openKeys(config, logger)
  const keySet = AUTH_JWKS_URL === undefined ? undefined : new KeySet(AUTH_JWKS_URL, logger)
  const tokens = keySet && new Tokens(keySet, AUTH_ISSUER, AUTH_AUDIENCE)
  app.addHook('onClose', async () => {
    apiKeys?.close()
    keySet?.close()
  })

  app.decorateRequest('checkCaller', async function (this: FastifyRequest) {
    const needs = scopeOf(this.method, this.routeOptions.url ?? '')
    if (needs === 'open') {
      this.caller = nobody
      return
    }
    const caller = await callerOf(tokenIn(this))
    if (config.TRUST_PROXY !== undefined) warnOfClearText(this)
    if (typeof caller === 'string') throw unauthenticated(caller, 'invalid_token')
    if (!caller.scopes.has(needs)) throw insufficient(caller, needs)
    this.caller = caller
  })
  // Not onRequest: whoever guesses is to meet RATE_LIMIT, which is one hook of each route, before they are told anything.
  app.addHook('preParsing', (request) => request.checkCaller())

  /** A text is why the token is refused. */
  async function callerOf(token: string): Promise<Caller | string> {
    if (token.length > longestToken) return `A token may have ${longestToken} characters.`
    if (!isApiKey(token)) return tokens ? tokens.callerOf(token) : 'The service takes API keys only (ino_...).'
    const key = apiKeys?.find(token)
    if (!key) return 'The API key is not known here.'
    if (key.expires <= Date.now()) return 'The API key has expired.'
    return { name: key.name, id: `key ${key.name}`, scopes: key.scopes }
  }
}

function tokenIn({ headers, raw }: FastifyRequest): string {
  const { authorization } = headers
  if (authorization === undefined)
    throw unauthenticated('The call needs Authorization: Bearer, with a JWT or an API key.')
  // What stands before us may have looked at the other one.
  if (countOf(raw, 'authorization') > 1)
    throw unauthenticated('There are two Authorization headers.', 'invalid_request')
  const [, token] = credentials.exec(authorization) ?? []
  if (token === undefined)
    throw unauthenticated('Authorization is not Bearer with a JWT or an API key.', 'invalid_request')
  return token
}

/** As RFC 6750 has it: who has sent no token at all is told no error. */
function unauthenticated(detail: string, error?: string): Problem {
  const told = error ? `, error="${error}", error_description="${detail}"` : ''
  return new Problem('unauthenticated', detail, { headers: { 'www-authenticate': `Bearer realm="inorder"${told}` } })
}

function insufficient({ name }: Caller, scope: string): Problem {
  const headers = { 'www-authenticate': `Bearer realm="inorder", error="insufficient_scope", scope="${scope}"` }
  return new Problem('insufficient-scope', `The call needs the scope ${scope}, which ${name} does not have.`, {
    headers,
  })
}

async function openKeys({ API_KEYS_FILE }: AuthConfig, logger: FastifyBaseLogger): Promise<ApiKeys | undefined> {
  if (API_KEYS_FILE === undefined) return undefined
  try {
    return await ApiKeys.open(API_KEYS_FILE, logger)
  } catch (error) {
    return badConfig(`API_KEYS_FILE ${API_KEYS_FILE}: ${(error as Error).message}`)
  }
}
