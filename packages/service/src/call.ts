// How an effect reaches a service of somebody else: a payment gateway, a carrier. docs/api.md has its side of it.
import { isUnavailable } from '@inorder/contracts/receiver.ts'
import { shapeOf } from '@inorder/http/validation.ts'
import { type Call, EffectRefused, OutcomeUnknown } from '@inorder/messaging/inbox/effect.ts'
import { activeTraceparent } from '@inorder/messaging/kafka/spans.ts'
import { boundedText } from '@inorder/storage/bounded-text.ts'
import { renewedSecret } from '@inorder/storage/settings.ts'
import { type Static, Type } from 'typebox'

/** The two answers that count. All else leaves open whether the receiver has done it. */
export type Answer = Static<typeof Answer>
const id = Type.String({ minLength: 1, maxLength: 255, format: 'text' })
const Answer = Type.Union([
  Type.Object({ status: Type.Literal('done'), id }),
  Type.Object({ status: Type.Literal('declined') }),
])
const isAnswer = shapeOf(Answer)
const keyHeader = 'idempotency-key'

const longestAnswer = 64 * 1024
const shownOfAnswer = 500

/** What we show a receiver who asks who calls. */
const tokenForm = /^[\w.~+/=-]{1,8192}$/
export const bearerToken = Type.String({ pattern: tokenForm.source })

/** Gives the token of the setting, or what the file of NAME_FILE holds at the time of the call: tokens expire. */
export const bearerTokenOf = (name: string, env = process.env): (() => string | undefined) =>
  renewedSecret(env, name, (token) => tokenForm.test(token))

/**
 * POSTs JSON and gives the receiver's answer, which may be a decline. Throws OutcomeUnknown when it gave neither of the two
 * answers, and EffectRefused when this cannot be sent at all.
 */
export async function callOnce(
  url: string,
  body: unknown,
  { idempotencyKey, signal }: Call,
  tokenNow?: () => string | undefined,
): Promise<Answer> {
  const token = tokenNow?.()
  const shown = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const request = requestOf(url, body, { [keyHeader]: idempotencyKey, ...shown })
  const answer = await fetch(request, { signal }).catch((error) => {
    signal.throwIfAborted()
    throw new OutcomeUnknown('no-answer', `${url}: ${messageOf(error)}`, { unavailable: true })
  })
  const text = await boundedText(answer.body, longestAnswer).catch((error) => {
    signal.throwIfAborted()
    throw new OutcomeUnknown('no-answer', `${url}: the answer was cut short: ${messageOf(error)}`, {
      unavailable: true,
    })
  })
  const { status, headers } = answer
  const said = `${url} answered ${status}: ${text?.slice(0, shownOfAnswer) ?? `more than ${longestAnswer} bytes`}`
  if (status >= 300 && status < 400)
    throw new OutcomeUnknown('redirected', `${url} answered ${status} to ${headers.get('location')}: not followed`)
  if (!answer.ok) {
    const retryAfterMs = retryAfterOf(headers.get('retry-after'))
    throw new OutcomeUnknown(`status-${status}`, said, { unavailable: isUnavailable(status), retryAfterMs })
  }
  if (text === undefined) throw new OutcomeUnknown('answer-too-large', said)
  const given = parsed(text)
  if (!isAnswer(given)) throw new OutcomeUnknown('answer-unreadable', said)
  const echoed = headers.get(keyHeader) ?? ('key' in given ? given.key : undefined) ?? idempotencyKey
  if (echoed !== idempotencyKey)
    throw new OutcomeUnknown('answer-of-another', `${said}: it is for the key ${echoed}, ${idempotencyKey} was sent`)
  return given.status === 'done' ? { status: 'done', id: given.id } : { status: 'declined' }
}

function requestOf(url: string, body: unknown, headers: Record<string, string>): Request {
  const traceparent = activeTraceparent()
  try {
    return new Request(url, {
      method: 'POST',
      // A redirected POST becomes a GET, whose answer would count as a charge.
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...headers,
        ...(traceparent && { traceparent }),
      },
      body: JSON.stringify(body),
    })
  } catch (error) {
    throw new EffectRefused('cannot-be-sent', `${url} cannot be asked with this: ${messageOf(error)}`)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Seconds, or a date. */
function retryAfterOf(header: string | null): number {
  if (header === null) return 0
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now()
  return Number.isNaN(ms) ? 0 : Math.max(ms, 0)
}

const messageOf = (error: unknown): string => {
  const { message, cause } = error as Error
  return cause instanceof Error ? `${message}: ${cause.message}` : message
}
