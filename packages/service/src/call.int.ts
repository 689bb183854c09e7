// Calls to somebody else's service, over real sockets.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { EffectRefused, OutcomeUnknown } from '@inorder/messaging/inbox/effect.ts'
import { bearerTokenOf, callOnce } from './call.ts'

let server: Server
let url: string
let answer: (response: ServerResponse, request: IncomingMessage) => void
let calls: string[]

before(async () => {
  server = createServer((request, response) => {
    calls.push(`${request.method} ${request.url}`)
    answer(response, request)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
beforeEach(() => {
  calls = []
})
after(() => {
  server.closeAllConnections()
  server.close()
})

const ask = (body: unknown = { orderId: 'o-1' }, idempotencyKey = 'e:1', signal = AbortSignal.timeout(30_000)) =>
  callOnce(`${url}/charges`, body, { idempotencyKey, signal })

/** What is known of the outcome: nothing, for this cause. */
const unknown = async (asked: Promise<unknown>): Promise<OutcomeUnknown> => {
  const error = await asked.then(
    (result) => assert.fail(`it counts as an answer: ${JSON.stringify(result)}`),
    (error) => error,
  )
  assert.ok(error instanceof OutcomeUnknown, String(error))
  return error
}
const json = (body: unknown, status = 200, headers: Record<string, string> = {}) => {
  answer = (response) => response.writeHead(status, headers).end(JSON.stringify(body))
}

test('done with an id, and declined, are the answers that count', async () => {
  json({ status: 'done', id: 'p-1', key: 'e:1', more: [1] })
  assert.deepEqual(await ask(), { status: 'done', id: 'p-1' })
  json({ status: 'declined', id: 'p-2' })
  assert.deepEqual(await ask(), { status: 'declined' })
})

test('a receiver that asks who calls is shown a token, which no error tells', async () => {
  const tokens: unknown[] = []
  answer = (response, { headers }) => {
    tokens.push(headers.authorization)
    response.writeHead(headers.authorization ? 401 : 200).end('{"status":"done","id":"p-1"}')
  }
  await ask()
  const call = { idempotencyKey: 'e:1', signal: AbortSignal.timeout(30_000) }
  const refused = await unknown(callOnce(`${url}/charges`, {}, call, () => 'secret'))
  assert.deepEqual(tokens, [undefined, 'Bearer secret'])
  assert.doesNotMatch(refused.message, /secret/)
})

test('a token in a file is read for each call; while the file holds none, that of before is shown', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'call-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'token')
  const tokens: unknown[] = []
  answer = (response, { headers }) => {
    tokens.push(headers.authorization)
    response.end('{"status":"done","id":"p-1"}')
  }
  writeFileSync(file, 'first\n')
  const token = bearerTokenOf('GATEWAY_TOKEN', { GATEWAY_TOKEN_FILE: file })
  const call = { idempotencyKey: 'e:1', signal: AbortSignal.timeout(30_000) }
  for (const content of ['first\n', '', 'se\ncret', 'second\n', undefined]) {
    if (content === undefined) rmSync(file)
    else writeFileSync(file, content)
    await callOnce(`${url}/charges`, {}, call, token)
  }
  assert.deepEqual(
    tokens,
    ['first', 'first', 'first', 'second', 'second'].map((one) => `Bearer ${one}`),
  )
})

test('a redirect is not followed: a POST would become a GET, whose 200 counted as a charge', async () => {
  for (const status of [301, 302, 303, 307, 308]) {
    answer = (response, { url: path }) =>
      path === '/charges'
        ? response.writeHead(status, { location: '/elsewhere' }).end()
        : response.end('{"status":"done","id":"p-1"}')
    const { cause, unavailable } = await unknown(ask())
    assert.deepEqual([cause, unavailable], ['redirected', false])
  }
  assert.deepEqual(new Set(calls), new Set(['POST /charges']))
})

test('of an answer of 300 MB no more is read than an answer may have', async () => {
  let sent = 0
  let closed = false
  answer = (response) => {
    response.on('close', () => {
      closed = true
    })
    const piece = Buffer.alloc(1024 * 1024, ' ')
    const more = () => {
      while (!closed && sent < 300) {
        sent++
        if (!response.write(piece)) return response.once('drain', more)
      }
      return response.end('{"status":"done","id":"p-1"}')
    }
    more()
  }
  assert.equal((await unknown(ask())).cause, 'answer-too-large')
  assert.ok(sent < 100, `${sent} MB were sent`)
})

test('what has not the shape of an answer is none', async () => {
  const bodies = [{}, null, [], 'done', { status: 'done' }, { status: 'done', id: 7 }, { status: 'done', id: '' }]
  for (const body of [...bodies, { status: 'done', id: 'a\0b' }, { status: 'refused' }, { id: 'p-1' }]) {
    json(body)
    assert.equal((await unknown(ask())).cause, 'answer-unreadable', JSON.stringify(body))
  }
  for (const text of ['', '<html>', '{"status":"done","id":"p-']) {
    answer = (response) => response.end(text)
    assert.equal((await unknown(ask())).cause, 'answer-unreadable', text)
  }
})

test('an answer that names another key is of another request', async () => {
  json({ status: 'done', id: 'p-1', key: 'e:2' })
  assert.equal((await unknown(ask())).cause, 'answer-of-another')
  json({ status: 'declined' }, 200, { 'idempotency-key': 'e:2' })
  assert.equal((await unknown(ask())).cause, 'answer-of-another')
})

test('no status but 2xx is a decision; 5xx, 408, 425 and 429 are the trouble of the receiver alone', async () => {
  for (const status of [400, 401, 402, 403, 404, 405, 409, 410, 422]) {
    json({ status: 'declined' }, status)
    const { cause, unavailable } = await unknown(ask())
    assert.deepEqual([cause, unavailable], [`status-${status}`, false])
  }
  for (const status of [408, 425, 429, 500, 502, 503, 504]) {
    json({ status: 'declined' }, status)
    const { cause, unavailable, retryAfterMs } = await unknown(ask())
    assert.deepEqual([cause, unavailable, retryAfterMs], [`status-${status}`, true, 0])
  }
})

test('Retry-After is told on, in seconds or as a date', async () => {
  json({}, 503, { 'retry-after': '7' })
  assert.equal((await unknown(ask())).retryAfterMs, 7_000)
  json({}, 429, { 'retry-after': new Date(Date.now() + 60_000).toUTCString() })
  const { retryAfterMs } = await unknown(ask())
  assert.ok(retryAfterMs > 50_000 && retryAfterMs <= 60_000, String(retryAfterMs))
  for (const odd of ['soon', '-1', new Date(0).toUTCString()]) {
    json({}, 503, { 'retry-after': odd })
    assert.equal((await unknown(ask())).retryAfterMs, 0, odd)
  }
})

test('no answer, half of one and none in time are unknown outcomes', async () => {
  answer = (response) => response.destroy()
  const cut = await unknown(ask())
  assert.deepEqual([cut.cause, cut.unavailable], ['no-answer', true])
  answer = (response) => {
    response.writeHead(200, { 'content-length': 100 }).write('{"status":"done"', () => response.destroy())
  }
  assert.equal((await unknown(ask())).cause, 'no-answer')
  for (const begin of [false, true]) {
    answer = (response) => begin && response.write('{')
    const deadline = new AbortController()
    const asked = ask({}, 'e:1', deadline.signal)
    asked.catch(() => {})
    await new Promise((resolve) => setImmediate(resolve))
    const late = new OutcomeUnknown('no-answer', 'too late', { unavailable: true })
    deadline.abort(late)
    await assert.rejects(asked, late)
  }
  const nobody = callOnce(
    'http://127.0.0.1:1/charges',
    {},
    { idempotencyKey: 'e:1', signal: AbortSignal.timeout(30_000) },
  )
  assert.deepEqual((await unknown(nobody)).cause, 'no-answer')
})

test('what cannot be sent is refused here, and nobody is asked', async () => {
  const isOurs = (error: unknown) => error instanceof EffectRefused && error.cause === 'cannot-be-sent'
  await assert.rejects(ask({ amount: 1n }), isOurs)
  await assert.rejects(ask({}, 'é—1'), isOurs)
  assert.deepEqual(calls, [])
})
