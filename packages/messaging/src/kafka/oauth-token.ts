// Tokens for SASL/OAUTHBEARER by client credentials (RFC 6749, 4.4).
import { boundedText } from '@inorder/storage/bounded-text.ts'

/** The token server answered: it does not know this client. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused'
}

/** No answer of the token server, or none with a token: trying again may help. */
export class TokenUnavailable extends Error {
  override readonly name = 'TokenUnavailable'
}

interface Credentials {
  url: string
  clientId: string
  /** Asked for each time: it may have been mended. */
  clientSecret(): string
  scope?: string | undefined
}

const deadlineMs = 5_000
const longestAnswer = 64 * 1024
/** Of what a token lives. The client logs in anew after 0.8 of it, and must have another one then. */
const usedFor = 0.7
/** Of a token of which the server does not say it. */
const shortLifeSeconds = 60

/** Gives a token that is good for a while yet. Connections that ask at once share one request. */
export function tokenSource(credentials: Credentials): () => Promise<string> {
  let token: Promise<string> | undefined
  let goodUntil = 0
  return () => {
    if (token && performance.now() < goodUntil) return token
    const asked = askForToken(credentials)
    token = asked.then(({ text }) => text)
    goodUntil = Number.POSITIVE_INFINITY
    asked.then(
      ({ seconds }) => {
        goodUntil = performance.now() + seconds * 1_000 * usedFor
      },
      () => {
        token = undefined
      },
    )
    return token
  }
}

async function askForToken({ url, clientId, clientSecret, scope }: Credentials) {
  const basic = Buffer.from([clientId, clientSecret()].map(encodeURIComponent).join(':')).toString('base64')
  let status: number
  let given: string | undefined
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Basic ${basic}`, accept: 'application/json' },
      body: new URLSearchParams({ grant_type: 'client_credentials', ...(scope && { scope }) }),
      // The secret is for this address only.
      redirect: 'error',
      signal: AbortSignal.timeout(deadlineMs),
    })
    status = answer.status
    given = await boundedText(answer.body, longestAnswer)
  } catch (error) {
    const { message, cause } = error as Error
    const why = cause instanceof Error ? cause.message : message
    throw new TokenUnavailable(`KAFKA_OAUTH_TOKEN_URL does not answer: ${why}`, { cause: error })
  }
  if (given === undefined)
    throw new TokenUnavailable(`KAFKA_OAUTH_TOKEN_URL answers ${status} with more than ${longestAnswer} bytes`)
  const { access_token: text, expires_in: seconds = shortLifeSeconds, error } = Object(parsed(given))
  if ([400, 401, 403].includes(status))
    throw new TokenRefused(
      `KAFKA_OAUTH_TOKEN_URL refuses the client (${status}${typeof error === 'string' && /^\w+$/.test(error) ? ` ${error}` : ''}): ` +
        'mend KAFKA_OAUTH_CLIENT_ID, KAFKA_OAUTH_CLIENT_SECRET and KAFKA_OAUTH_SCOPE',
    )
  if (status !== 200 || typeof text !== 'string' || text === '')
    throw new TokenUnavailable(`KAFKA_OAUTH_TOKEN_URL answers ${status} without a token`)
  return { text, seconds: Number(seconds) || shortLifeSeconds }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
