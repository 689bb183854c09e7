// The one way to the console and the services: with a deadline, as much of an answer as fits, and the caller's credential.
import { Instances, neverArrived } from '@inorder/contracts/instances.ts'
import { isLoopback } from '@inorder/http/loopback.ts'
import { boundedText } from '@inorder/storage/bounded-text.ts'
import type { Addresses, Where } from './addresses.ts'
import { Failure, type ProblemDocument, Refused } from './failure.ts'

const longestAnswer = 8 * 1024 * 1024
/** For a look, whatever instances are asked; so that the next has some of it, none of several has more than two thirds. */
const lookMs = 3_000
const shareOfOne = 2 / 3
/** For a write, of each instance. */
const writeMs = 10_000

export interface Call {
  method?: 'GET' | 'POST' | 'PUT'
  body?: unknown
  headers?: Readonly<Record<string, string | undefined>>
  deadlineMs?: number
}

export interface Answer<Body> {
  status: number
  headers: Headers
  body: Body
}

/** Who asks. `operator` is for the audit, where nobody is asked who they are. */
export interface Caller {
  token: string | undefined
  operator: string
}

/** Nobody answered, or not with an answer as a whole: what became of a write is not known. */
export class NoAnswer extends Failure {}

/** Throws Refused where the answer is no 2xx, and NoAnswer. `path` comes with every foreign part of it encoded (`part`). */
export type Ask = <Body>(where: Where, path: string, call?: Call) => Promise<Answer<Body>>

/** Of a path or a query. A client folds `.` and `..` out of a path, so that they are no ids. */
export function part(text: string): string {
  if (text === '.' || text === '..' || text === '') throw new Failure(`"${text}" is no order's id`)
  return encodeURIComponent(text)
}

export function askerOf(addresses: Addresses, caller: Caller, signal: AbortSignal): Ask {
  const known = new Map(Object.entries(addresses).map(([where, all]) => [where, new Instances(all)]))
  return async <Body>(where: Where, path: string, call: Call = {}) => {
    const { method = 'GET' } = call
    const end = performance.now() + lookMs
    const share = addresses[where].length > 1 ? shareOfOne : 1
    const leftMs = () => (method === 'GET' ? share * (end - performance.now()) : writeMs)
    const outcome = await known.get(where)!.ask(
      method,
      (address) =>
        askAt<Body>(where, address, path, { deadlineMs: leftMs(), ...call }).catch((error: unknown) =>
          unanswered(error),
        ),
      (told) => (told instanceof NoAnswer ? { neverArrived: neverArrived(told.cause) } : undefined),
    )
    if (outcome instanceof NoAnswer) throw outcome
    return outcome
  }

  async function askAt<Body>(
    where: Where,
    address: string,
    path: string,
    call: Call & { deadlineMs: number },
  ): Promise<Answer<Body>> {
    const { method = 'GET', body, headers, deadlineMs } = call
    const url = `${address}${path}`
    const deadline = AbortSignal.timeout(Math.max(1, Math.round(deadlineMs)))
    const noAnswer = (why: string, cause?: unknown) =>
      new NoAnswer(`${where} (${address}) ${why}`, { cause, advice: adviceOf(where, method) })
    let answer: Response
    let text: string | undefined
    try {
      answer = await fetch(url, {
        method,
        // A credential is for this address, not for another that it names.
        redirect: 'manual',
        signal: AbortSignal.any([deadline, signal]),
        headers: headersOf(caller, body !== undefined, headers),
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      text = await boundedText(answer.body, longestAnswer)
    } catch (error) {
      signal.throwIfAborted()
      const why = deadline.aborted ? `${(deadlineMs / 1_000).toFixed(1)} s without an answer` : messageOf(error)
      throw noAnswer(`does not answer: ${why}`, error)
    }
    if (text === undefined) throw noAnswer(`answers more than ${longestAnswer} bytes`)
    const parsed = parse(text)
    if (!answer.ok) {
      const isProblem = /^application\/problem\+json\b/.test(answer.headers.get('content-type') ?? '')
      const document = isProblem ? (parsed as ProblemDocument | undefined) : undefined
      throw new Refused(`${method} ${url}`, answer.status, document, answer.headers.get('retry-after'))
    }
    if (parsed === undefined) throw noAnswer('answers no JSON: is it a service of inorder?')
    return { status: answer.status, headers: answer.headers, body: parsed as Body }
  }
}

function unanswered(error: unknown): NoAnswer {
  if (error instanceof NoAnswer) return error
  throw error
}

/** Whether a write stays on this machine. */
export const isHere = (address: string): boolean => isLoopback(new URL(address).hostname)

function headersOf({ token, operator }: Caller, hasBody: boolean, more: Call['headers']): Record<string, string> {
  const given = Object.entries(more ?? {}).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return {
    ...Object.fromEntries(given),
    ...(hasBody && { 'content-type': 'application/json' }),
    // UTF-8, as a service reads it; fetch takes one byte a character.
    'x-operator': Buffer.from(operator.replace(/\p{Cc}/gu, '')).toString('latin1'),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  }
}

function adviceOf(where: Where, method: string): string[] {
  return [
    `Is the stack running (npm start)? Is it elsewhere: --url, ${where.toUpperCase()}_URL or INORDER_PORT_OFFSET.`,
    ...(method === 'GET' ? [] : ['If it had arrived, it may have been done all the same: look before you repeat it.']),
  ]
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function messageOf(error: unknown): string {
  const { message, cause } = error as Error
  if (!(cause instanceof Error)) return message
  return cause.message || (cause as NodeJS.ErrnoException).code || message
}
