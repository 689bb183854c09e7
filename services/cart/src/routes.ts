// The cart over HTTP: a request becomes a write, and its outcome the answer.
import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { allowedAfter, lifecycle } from '@inorder/contracts/lifecycle.ts'
import { Order } from '@inorder/contracts/order.ts'
import { type FieldError, problem } from '@inorder/contracts/problems.ts'
import { answersOf, withHeaders } from '@inorder/http/answers.ts'
import { invalidRequest } from '@inorder/http/field-errors.ts'
import { badFields, shapeOf } from '@inorder/http/validation.ts'
import type { Delivery } from '@inorder/messaging/outbox/delivery.ts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type pg from 'pg'
import { Type } from 'typebox'
import { answered, failure, illegalMove, notFound } from './answers.ts'
import type { Write } from './group.ts'
import { type KeyUse, requestHash } from './idempotency.ts'
import { entityTag, parseIfMatch } from './if-match.ts'
import { NewOrder, newOrder, Priced, wrongTotal } from './new-order.ts'
import { created, eventOf } from './order.ts'
import { largestEvent, recordOf } from './order-record.ts'
import { parsePrefer } from './prefer.ts'
import { orderOf } from './store.ts'
import type { Writes } from './writes.ts'

export interface CartRoutes {
  writes: Writes
  pool: pg.Pool
  delivery: Delivery
  /** This process, `cart-2`: to it the relay tells which events are acknowledged. */
  instance: string
  /** DELIVERY=strict: as if every write preferred `handling=strict`. */
  strict: boolean
  /** ORDER_LIFECYCLE=strict: statuses follow the table of moves. */
  strictLifecycle: boolean
  now(): Date
  /** Numbers in [0, 1). */
  random(): number
}

const StatusChange = Type.Object(
  { orderId: Order.properties.orderId, status: Order.properties.status },
  { additionalProperties: false },
)
const text = (description: string) => Type.Optional(Type.String({ description }))
const writeHeaders = {
  prefer: text('respond-async, wait=5 (0..30 s), handling=strict'),
  'idempotency-key': text('1..255 characters; a repeat within 24 h gets the first outcome'),
}
const writeProblems = [
  'invalid-request',
  'idempotency-key-in-use',
  'body-too-large',
  'order-too-large',
  'unsupported-media-type',
  'idempotency-key-reused',
  'database-away',
  'order-locked',
  'overloaded',
  'kafka-away',
  'not-ready',
] as const
const tags = ['orders']
const createdOrder = withHeaders(Order, 'ETag', 'Event-Delivery', 'Location')
const changedOrder = withHeaders(Order, 'ETag', 'Event-Delivery')
const isPriced = shapeOf(Priced)

export const cartRoutes =
  ({ writes, pool, delivery, instance, strict, strictLifecycle, now, random }: CartRoutes): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/create-order',
      {
        attachValidation: true,
        schema: {
          summary: 'Creates an order, made up or real',
          tags,
          headers: Type.Object(writeHeaders),
          body: NewOrder,
          response: {
            201: createdOrder,
            202: createdOrder,
            ...answersOf('order-exists', 'illegal-move', ...writeProblems),
          },
        },
      },
      async (request, reply) => {
        const { validationError, body } = request
        const wrong = [...badFields(validationError, request), ...wrongKey(request)]
        if (wrong.length > 0) throw invalidRequest(isPriced(body) ? [...wrong, ...wrongTotal(body)] : wrong)
        const time = now()
        const order = newOrder(body, time, random)
        if (Array.isArray(order)) throw invalidRequest(order)
        if (strictLifecycle && !isIn(lifecycle.first, order.status))
          throw illegalMove(null, order.status, lifecycle.first)
        const first = created(order, randomUUID())
        // What it says is known already, so it is encoded outside the transaction.
        const record = recordOf(eventOf(first, null, time), instance, traceOf(request))
        if (record.value.length > largestEvent)
          throw problem('order-too-large', 'The order is too large for one event.')
        return decide(request, reply, { eventId: first.eventId, create: first, record: () => record })
      },
    )

    app.put(
      '/update-order',
      {
        attachValidation: true,
        schema: {
          summary: 'Changes the status of an order',
          tags,
          headers: Type.Object({ ...writeHeaders, 'if-match': text('"3", a list of such, or *') }),
          body: StatusChange,
          response: {
            200: changedOrder,
            202: changedOrder,
            ...answersOf('order-not-found', 'version-mismatch', 'illegal-move', ...writeProblems),
          },
        },
      },
      async (request, reply) => {
        const accepts = parseIfMatch(request.headers['if-match'])
        const wrong = [...badFields(request.validationError, request), ...wrongKey(request)]
        if (!accepts) wrong.push({ field: 'If-Match', message: 'must be * or a list of entity tags such as "3"' })
        if (!accepts || wrong.length > 0) throw invalidRequest(wrong)
        const trace = traceOf(request)
        return decide(request, reply, {
          eventId: randomUUID(),
          change: { ...request.body, accepts, permits },
          record: (after, previous) => recordOf(eventOf(after, previous, now()), instance, trace),
        })
      },
    )

    app.get(
      '/orders/:orderId',
      {
        schema: {
          summary: 'An order as the cart holds it',
          tags,
          params: Type.Object({ orderId: Order.properties.orderId }),
          response: {
            200: withHeaders(Order, 'ETag'),
            ...answersOf('invalid-request', 'order-not-found', 'database-away'),
          },
        },
      },
      async ({ params, log }, reply) => {
        try {
          const found = await orderOf(pool, params.orderId)
          if (!found) throw notFound(params.orderId)
          reply.header('etag', entityTag(found.version))
          return found.order
        } catch (error) {
          log.debug({ err: error }, 'cannot read an order')
          throw failure(error)
        }
      },
    )

    const permits = (from: string, to: string) => !strictLifecycle || isIn(allowedAfter(from), to)

    async function decide(request: FastifyRequest, reply: FastifyReply, write: Write): Promise<Order> {
      const prefers = parsePrefer(request.headers.prefer?.toString())
      const key = keyOf(request)
      const isRepeat = async () => key !== undefined && (await writes.isRepeat(key).catch(fail))
      // A repeat of what is stored must not hear that nothing was.
      if ((strict || prefers.strict) && delivery.away && !(await isRepeat())) {
        const headers = { 'retry-after': String(delivery.retryAfter) }
        throw problem('kafka-away', 'Kafka takes no events now. Nothing was stored, as you prefer.', { headers })
      }
      // Only a failure of the write itself means that nothing is stored.
      const answer = await writes.write(key ? { ...write, key } : write, prefers.waitMs).catch(fail)
      return answered(reply, answer)
    }
  }

const isIn = (statuses: readonly string[], status: string) => statuses.includes(status)

function fail(error: unknown): never {
  throw failure(error)
}

/** Node reads headers as Latin-1; what is UTF-8 has fewer characters than that. */
function keyIn({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key']?.toString()
  const bytes = Buffer.from(key ?? '', 'latin1')
  return key !== undefined && isUtf8(bytes) ? bytes.toString() : key
}

function wrongKey(request: FastifyRequest): FieldError[] {
  const key = keyIn(request)
  if (key === undefined || /^[^\p{Cc}]{1,255}$/u.test(key)) return []
  return [{ field: 'Idempotency-Key', message: 'must have 1 to 255 characters' }]
}

function keyOf(request: FastifyRequest): KeyUse | undefined {
  const { method, routeOptions, body } = request
  const key = keyIn(request)
  return key === undefined ? undefined : { key, operation: `${method} ${routeOptions.url}`, hash: requestHash(body) }
}

/** The W3C trace that the request belongs to, if it names a valid one. */
function traceOf({ headers: { traceparent } }: FastifyRequest): string | undefined {
  return typeof traceparent === 'string' && /^00-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/.test(traceparent)
    ? traceparent
    : undefined
}
