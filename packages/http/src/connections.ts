// The connections of a server, and what is under way on each. An answer under way comes before anything that is to be said
// of the bytes behind its request; and it is not lost when the service stops.
import { randomUUID } from 'node:crypto'
import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import { Problem } from '@inorder/contracts/problems.ts'
import { requestIdHeader, requestIdOf } from './request-id.ts'

/** How long an idle connection stays when the service stops: a request may be on its way on it. */
const graceMs = 500
const sweepMs = 50

/** What is answered however many connections there are: an orchestrator restarts what does not answer it. */
const alwaysAnswered = /^GET \/(health|metrics)/
const overloaded = new Problem('overloaded', 'There are more connections than the service takes. Nothing was done.')
/** For so long a connection may be without a request while others wait for its place. */
const idleMs = 1_000
/** For the first bytes of a connection that is one too many. */
const firstBytesMs = 5_000

interface Limit {
  /** Connections that are served. What is ready on all of them is one turn of the event loop. */
  most: number
  onRefused(): void
}

export class Connections {
  readonly #server: Server
  readonly #limit: Limit
  /** By connection its newest answer; answers go out in the order of their requests. Whose began last stands last. */
  readonly #newest = new Map<Socket, { response?: ServerResponse; since: number }>()
  /** Nothing that comes on these is looked at any more. */
  readonly #ending = new WeakSet<Socket>()
  #stopping = false

  constructor(server: Server, limit: Limit) {
    this.#server = server
    this.#limit = limit
    // Node would end a connection whose client has ended its side, with the answer that is under way.
    Object.assign(server, { httpAllowHalfOpen: true })
    const event = server instanceof TlsServer ? 'secureConnection' : 'connection'
    const listeners = server.listeners(event)
    server.removeAllListeners(event).on(event, (socket: Socket) => {
      const serve = () => {
        this.#newest.set(socket, { since: performance.now() })
        socket.once('close', () => this.#newest.delete(socket))
        for (const listener of listeners) listener.call(server, socket)
      }
      if (this.#newest.size < this.#limit.most || this.#endIdle()) serve()
      else this.#refuseOneTooMany(socket, serve)
    })
    server.prependListener('request', (_request, response) => this.#begun(response))
    server.on('checkExpectation', (request, response) => {
      this.#begun(response)
      request.resume()
      answer(response, new Problem('unknown-expectation', 'The only Expect that is known is 100-continue.'))
    })
    server.on('connect', (_request, socket: Socket) => {
      // Node has taken its own listener off.
      socket.on('error', () => socket.destroy())
      const headers = { allow: 'GET, HEAD, POST, PUT, OPTIONS' }
      this.#refuse(
        socket,
        new Problem('method-not-allowed', 'The service is no proxy: CONNECT is for nothing here.', { headers }),
      )
    })
  }

  get stopping(): boolean {
    return this.#stopping
  }

  /** What never became a request: no HTTP, headers too large, or too slow. */
  broken(error: NodeJS.ErrnoException, socket: Socket): void {
    if (!socket.writable || error.code === 'ECONNRESET') socket.destroy()
    else this.#refuse(socket, problemOf(error.code))
  }

  /** From now on each answer says `Connection: close`. */
  drain(): void {
    this.#stopping = true
    for (const { response } of this.#newest.values()) if (response) endBehind(response)
  }

  /** What stays idle is ended after a grace. */
  stop(): void {
    this.drain()
    // The server's close() would end idle connections at once, with the requests that are on their way on them.
    this.#server.closeIdleConnections = () => {}
    // Counted, not timed, and after the loop has read what came: a process that was stalled has not seen its requests yet.
    let left = graceMs / sweepMs
    const endIdle = () => {
      for (const [socket, { response }] of this.#newest) if (!isUnderWay(response)) socket.destroySoon()
    }
    const sweep = setInterval(() => {
      if (left-- <= 0) setImmediate(endIdle)
    }, sweepMs)
    this.#server.once('close', () => clearInterval(sweep))
  }

  /** Makes room: the connection goes whose last request is longest ago, if that is answered. */
  #endIdle(): boolean {
    const before = performance.now() - idleMs
    for (const [socket, { response, since }] of this.#newest) {
      if (since > before) return false
      if (isUnderWay(response)) continue
      this.#newest.delete(socket)
      socket.destroy()
      return true
    }
    return false
  }

  /** Without a parser and a request: what refusals cost is missing where it is needed. */
  #refuseOneTooMany(socket: Socket, serve: () => void): void {
    const drop = () => void socket.destroy()
    socket.on('error', drop)
    socket.setTimeout(firstBytesMs, drop)
    socket.once('data', (bytes) => {
      if (alwaysAnswered.test(bytes.toString('latin1', 0, 16))) {
        socket.off('error', drop)
        socket.setTimeout(0, drop)
        serve()
        socket.emit('data', bytes)
      } else {
        this.#limit.onRefused()
        answerRaw(socket, overloaded)
      }
    })
  }

  #begun(response: ServerResponse): void {
    const { socket } = response.req
    if (this.#newest.delete(socket)) this.#newest.set(socket, { response, since: performance.now() })
    if (this.#stopping) endBehind(response)
  }

  #refuse(socket: Socket, fault: Problem): void {
    // The parser reports each further piece of what it cannot read.
    if (this.#ending.has(socket)) return
    this.#ending.add(socket)
    const newest = this.#newest.get(socket)?.response
    if (!isUnderWay(newest)) answerRaw(socket, fault)
    // It is the body of this request that is broken, or does not come.
    else if (!newest.req.complete && !newest.headersSent) answer(newest, fault)
    else {
      endBehind(newest)
      newest.once('finish', () => socket.destroySoon())
    }
  }
}

const isUnderWay = (response: ServerResponse | undefined): response is ServerResponse =>
  response !== undefined && !response.writableFinished

/** The connection ends with this answer, if it can still say so. */
function endBehind(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close')
}

function written(fault: Problem, requestId: string, url = '/') {
  const body = Buffer.from(JSON.stringify(fault.body(url.split('?', 1)[0] ?? '/', requestId)))
  const headers = {
    ...fault.headers,
    'content-type': 'application/problem+json',
    'content-length': String(body.length),
    [requestIdHeader]: requestId,
    connection: 'close',
  }
  return { body, headers }
}

function answer(response: ServerResponse, fault: Problem): void {
  const { body, headers } = written(fault, requestIdOf(response.req), response.req.url)
  response.writeHead(fault.status, headers).end(body)
}

/** Where there is no request Node gives a socket, not a response. */
function answerRaw(socket: Socket, fault: Problem): void {
  const { body, headers } = written(fault, randomUUID())
  const lines = Object.entries({ ...headers, date: new Date().toUTCString() }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  socket.end(`HTTP/1.1 ${fault.status} ${fault.name}\r\n${lines.join('')}\r\n${body}`, () => socket.destroy())
}

function problemOf(code: string | undefined): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') return new Problem('headers-too-large', 'Address and headers may have 16 KiB.')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new Problem('request-timeout', 'The request took too long to arrive.')
  return new Problem('malformed-http', 'What arrived cannot be read as HTTP/1.1.')
}
