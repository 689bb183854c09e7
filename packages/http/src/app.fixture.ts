// An app with a route of each kind, listening; and clients that change nothing on the way.
import { type IncomingHttpHeaders, request } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Readable, Writable } from 'node:stream'
import { Order } from '@inorder/contracts/order.ts'
import { Problem } from '@inorder/contracts/problems.ts'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { Type } from 'typebox'
import type { Access } from './access.ts'
import { createApp } from './app.ts'
import type { AuthConfig } from './auth-config.ts'
import { pathTo } from './location.ts'
import { NoAnswer } from './no-answer.ts'

export type Fixture = Awaited<ReturnType<typeof startFixture>>

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
  json(): Record<string, unknown> & { errors?: { field: string; message: string }[] }
}

const ListQuery = Type.Object(
  {
    limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
    wait: Type.Optional(Type.Number({ minimum: 0, maximum: 30 })),
    orderId: Type.Optional(Order.properties.orderId),
  },
  { additionalProperties: false },
)

export async function startFixture(access: Partial<Access> & AuthConfig = {}) {
  const logged: Record<string, unknown>[] = []
  const lines = new Writable({
    write(line, _encoding, done) {
      logged.push(JSON.parse(String(line)))
      done()
    },
  })
  const missing: string[] = []
  const held = Promise.withResolvers<void>()
  const app = await createApp({
    service: 'fixture',
    logger: pino({ level: 'debug' }, lines),
    metrics: new Registry(),
    ready: async () => missing,
    openapi: { title: 'Fixture', description: 'A route of each kind.' },
    access: { HOST: '127.0.0.1', ...access },
  })
  // Without its name: what is taken is stricter than what is answered under that.
  const body = Type.Object(Order.properties, { additionalProperties: false })
  app.post('/orders', { schema: { body, response: { 201: Order } } }, async (incoming, reply) => {
    reply.code(201).header('location', pathTo('/orders', incoming.body.orderId))
    return incoming.body
  })
  const params = Type.Object({ orderId: Order.properties.orderId })
  app.get('/orders/:orderId', { schema: { params } }, async (incoming) => incoming.params)
  app.put('/orders/:orderId', { schema: { params, body } }, async (incoming) => incoming.params)
  app.get('/list', { schema: { querystring: ListQuery } }, async (incoming) => incoming.query)
  app.get('/overloaded', async () => {
    throw new Problem('overloaded', 'Too much.', { headers: { 'retry-after': '7' } })
  })
  app.get('/broken', async () => {
    throw new TypeError('a secret of ours')
  })
  app.get('/unserialisable', async () => ({ big: 1n }))
  app.get('/no-answer', async () => {
    throw new NoAnswer('what became of it is unknown')
  })
  app.get('/held', async () => {
    await held.promise
    return { done: true }
  })
  app.get('/pieces', (_incoming, reply) =>
    reply.send(
      Readable.from(
        (async function* () {
          yield 'first, '
          await held.promise
          yield 'last'
        })(),
      ),
    ),
  )
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo

  /** Sends a path as it is given. A body that is no text or Buffer is sent as JSON. */
  function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const raw = typeof body === 'string' || Buffer.isBuffer(body) || body === undefined ? body : JSON.stringify(body)
    const type =
      raw === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(raw) }
    // Node's agent would use the connection again, whatever the header says.
    const once = headers.connection === 'close' ? { agent: false } : {}
    return new Promise((resolve, reject) => {
      const call = request({ ...once, host: '127.0.0.1', port, method, path, headers: { ...type, ...headers } })
      call.on('error', reject)
      call.on('response', async (response) => {
        const pieces = await response.toArray()
        const text = Buffer.concat(pieces).toString()
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          json: () => JSON.parse(text),
        })
      })
      call.end(raw)
    })
  }

  /** A connection, and all that has come over it so far. */
  function open(): { socket: Socket; received: () => string; closed: Promise<string> } {
    const pieces: Buffer[] = []
    const socket = connect(port, '127.0.0.1')
    const received = () => Buffer.concat(pieces).toString()
    socket.on('data', (piece) => pieces.push(piece))
    const closed = new Promise<string>((resolve) => {
      socket.on('error', (error) => resolve(`${received()}${error.message}`))
      socket.on('close', () => resolve(received()))
    })
    return { socket, received, closed }
  }

  const close = () => {
    held.resolve()
    return app.close()
  }

  return { app, port, logged, missing, release: held.resolve, send, open, close }
}

export const order = (changed: object = {}) => ({
  orderId: 'o-1',
  customerId: 'c-1',
  orderDate: '2026-11-23T14:20:19.000Z',
  items: [{ itemId: 'i-1', quantity: 2, price: 1.25 }],
  totalAmount: 2.5,
  currency: 'USD',
  status: 'new',
  ...changed,
})

export const item = (changed: object) => order({ items: [{ itemId: 'i-1', quantity: 2, price: 1.25, ...changed }] })
