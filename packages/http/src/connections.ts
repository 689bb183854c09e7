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

export class Connections {
  readonly #server: Server
  /** By connection its newest answer; answers go out in the order of their requests. */
  readonly #newest = new Map<Socket, ServerResponse | undefined>()
  /** Nothing that comes on these is looked at any more. */
  readonly #ending = new WeakSet<Socket>()
  #stopping = false

  constructor(server: Server) {
    this.#server = server
    // Node would end a connection whose client has ended its side, with the answer that is under way.
    Object.assign(server, { httpAllowHalfOpen: true })
    server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.#newest.set(socket, undefined)
      socket.once('close', () => this.#newest.delete(socket))
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
    for (const response of this.#newest.values()) if (response) endBehind(response)
  }

  /** What stays idle is ended after a grace. */
  stop(): void {
    this.drain()
    // The server's close() would end idle connections at once, with the requests that are on their way on them.
    this.#server.closeIdleConnections = () => {}
    // Counted, not timed, and after the loop has read what came: a process that was stalled has not seen its requests yet.
    let left = graceMs / sweepMs
    const endIdle = () => {
      for (const [socket, response] of this.#newest) if (!isUnderWay(response)) socket.destroySoon()
    }
    const sweep = setInterval(() => {
      if (left-- <= 0) setImmediate(endIdle)
    }, sweepMs)
    this.#server.once('close', () => clearInterval(sweep))
  }

  #begun(response: ServerResponse): void {
    this.#newest.set(response.req.socket, response)
    if (this.#stopping) endBehind(response)
  }

  #refuse(socket: Socket, fault: Problem): void {
    // The parser reports each further piece of what it cannot read.
    if (this.#ending.has(socket)) return
    this.#ending.add(socket)
    const newest = this.#newest.get(socket)
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
