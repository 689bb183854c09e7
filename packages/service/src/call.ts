// How an effect reaches a service of somebody else.
import { EffectRefused } from '@inorder/messaging/effects/effect.ts'

/** Answers that say "try again", not "no": timeout, conflict with the first use of the key, too early, too many. */
const later = [408, 409, 425, 429]

/**
 * POSTs JSON and gives the answer's, which may well be a "no" that counts (a decline). Throws EffectRefused when the
 * receiver refuses the request for good, and any other error when it is to be tried again.
 */
export async function callOnce<Result>(
  url: string,
  body: unknown,
  { idempotencyKey, signal }: { idempotencyKey: string; signal: AbortSignal },
): Promise<Result> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
    body: JSON.stringify(body),
    signal,
  })
  const text = await answer.text()
  if (answer.ok) return JSON.parse(text)
  const detail = `${url} answered ${answer.status}: ${text.slice(0, 500)}`
  if (answer.status >= 500 || later.includes(answer.status)) throw new Error(detail)
  throw new EffectRefused('receiver-refused', detail)
}
