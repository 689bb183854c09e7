// An HTTP client that changes nothing on the way: node:http sends a path as it is given (fetch would fold `/..` away).

import assert from 'node:assert/strict'
import { Agent, type IncomingHttpHeaders, request } from 'node:http'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
  /** From the request's first byte to the answer's last. */
  ms: number
  json<T = Record<string, unknown>>(): T
}

/** The connection ended, or was refused, without an answer: what became of the request is not known. */
export class NoAnswer extends Error {}

const agent = new Agent({ keepAlive: true, maxSockets: 256 })

export interface Request {
  method?: string
  headers?: Record<string, string>
  /** A value is sent as JSON; a string or a Buffer as it is. */
  body?: unknown
}

export function send(url: string, { method = 'GET', headers = {}, body }: Request = {}): Promise<Answer> {
  const raw = typeof body === 'string' || Buffer.isBuffer(body) || body === undefined ? body : JSON.stringify(body)
  const [, host, port, path] = /^http:\/\/([^:/]+):(\d+)(.*)$/s.exec(url) ?? assert.fail(`not a URL: ${url}`)
  const begun = performance.now()
  return new Promise((resolve, reject) => {
    const noAnswer = (cause: Error) => reject(new NoAnswer(`${method} ${path}: ${cause.message}`, { cause }))
    const call = request({
      agent,
      host,
      port,
      path: path || '/',
      method,
      headers: {
        ...(raw !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(raw) }),
        ...headers,
      },
    })
    call.on('error', noAnswer)
    // Longer than any wait that the contract knows: who hangs that long is broken, not away.
    call.setTimeout(60_000, () => {
      reject(new Error(`${method} ${path}: no answer for a minute`))
      call.destroy()
    })
    call.on('response', (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece) => pieces.push(piece))
      response.on('error', noAnswer)
      response.on('end', () => {
        const text = Buffer.concat(pieces).toString()
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          ms: performance.now() - begun,
          json: () => JSON.parse(text),
        })
      })
    })
    call.end(raw)
  })
}

interface Problem {
  type: string
  title: string
  status: number
  detail: string
  instance: string
  errors?: { field: string; message: string }[]
}

/** That the answer is this RFC 9457 problem, complete, and with Retry-After where it can be tried again. */
export function assertProblem(answer: Answer, status: number, name: string): Problem {
  assert.equal(answer.status, status, `${name} expected, got ${answer.status} ${answer.text}`)
  assert.match(String(answer.headers['content-type']), /^application\/problem\+json\b/)
  const problem = answer.json<Problem>()
  assert.match(problem.type, new RegExp(`/${name}$`))
  assert.equal(problem.status, status)
  for (const field of ['title', 'detail', 'instance'] as const) assert.ok(problem[field], `${field} in ${answer.text}`)
  // An order that is held waits for a person, not for a while.
  if (name === 'order-held') assert.equal(answer.headers['retry-after'], undefined)
  else if (status === 503)
    assert.match(String(answer.headers['retry-after']), /^[1-9]\d*$/, 'Retry-After in whole seconds')
  return problem
}
