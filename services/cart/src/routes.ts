// The cart over HTTP: a request becomes a write, and its outcome the answer.
import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { allowedAfter, lifecycle } from '@inorder/contracts/lifecycle.ts'
import { Order } from '@inorder/contracts/order.ts'
import { type FieldError, Problem, problem } from '@inorder/contracts/problems.ts'
import { answersOf, withHeaders } from '@inorder/http/answers.ts'
import { invalidRequest } from '@inorder/http/field-errors.ts'
import { countOf, headerText } from '@inorder/http/header-text.ts'
import { notModified, parseIfMatch, parseIfNoneMatch, sendVersion, wrongTags } from '@inorder/http/preconditions.ts'
import { badFields, shapeOf } from '@inorder/http/validation.ts'
import type { Delivery } from '@inorder/messaging/outbox/delivery.ts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type pg from 'pg'
import { Type } from 'typebox'
import { answered, failure, illegalMove, notFound, orderHeld, otherVersion } from './answers.ts'
import type { Write } from './group.ts'
import { type KeyUse, requestHash } from './idempotency.ts'
import { NewOrder, newOrder, Priced, wrongTotal } from './new-order.ts'
import { created, eventOf } from './order.ts'
import { largestEvent, recordOf } from './order-record.ts'
import { parsePrefer, preferenceApplied } from './prefer.ts'
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
  'idempotency-key': text(
    '1..255 characters, plain or as a quoted string; a repeat within 24 h gets the first outcome',
  ),
  'if-none-match': text('"3", a list of such, or *: only if the order is at none of these versions, or not there'),
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
  'order-held',
] as const
const tags = ['orders']
const createdOrder = withHeaders(Order, 'ETag', 'Event-Delivery', 'Location', 'Preference-Applied')
const changedOrder = withHeaders(Order, 'ETag', 'Event-Delivery', 'Preference-Applied')
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
            ...answersOf('order-exists', 'version-mismatch', 'illegal-move', ...writeProblems),
          },
        },
      },
      async (request, reply) => {
        const { validationError, body } = request
        const wrong = [...badFields(validationError, request), ...wrongKey(request)]
        const isUnwanted = parseIfNoneMatch(request.headers['if-none-match'])
        if (!isUnwanted) wrong.push(wrongTags('If-None-Match'))
        if (!isUnwanted || wrong.length > 0)
          throw invalidRequest(isPriced(body) ? [...wrong, ...wrongTotal(body)] : wrong)
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
        try {
          return await decide(request, reply, { eventId: first.eventId, create: first, record: () => record })
        } catch (error) {
          if (error instanceof Problem && error.name === 'order-exists') await refuseUnwanted(order.orderId, isUnwanted)
          throw error
        }
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
        const isUnwanted = parseIfNoneMatch(request.headers['if-none-match'])
        if (!accepts) wrong.push(wrongTags('If-Match'))
        if (!isUnwanted) wrong.push(wrongTags('If-None-Match'))
        if (!accepts || !isUnwanted || wrong.length > 0) throw invalidRequest(wrong)
        const trace = traceOf(request)
        return decide(request, reply, {
          eventId: randomUUID(),
          change: { ...request.body, accepts: (version) => accepts(version) && !isUnwanted(version), permits },
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
            304: notModified,
            ...answersOf('invalid-request', 'order-not-found', 'version-mismatch', 'database-away', 'order-held'),
          },
        },
      },
      async (request, reply) => {
        const { params, log } = request
        try {
          const found = await orderOf(pool, params.orderId)
          if (!found) throw notFound(params.orderId)
          if (found.version === 0) throw orderHeld(params.orderId, found.held ?? '')
          return sendVersion(request, reply, found.version, found.order)
        } catch (error) {
          log.debug({ err: error }, 'cannot read an order')
          throw failure(error)
        }
      },
    )

    const permits = (from: string, to: string) => !strictLifecycle || isIn(allowedAfter(from), to)

    /** The precondition comes before "it exists". An order is never deleted, so what is there now was there then. */
    async function refuseUnwanted(orderId: string, isUnwanted: (version: number) => boolean): Promise<void> {
      const found = await orderOf(pool, orderId).catch(fail)
      if (found && isUnwanted(found.version)) throw otherVersion(orderId, found.version)
    }

    async function decide(request: FastifyRequest, reply: FastifyReply, write: Write): Promise<Order> {
      const prefers = parsePrefer(request.headers.prefer?.toString())
      const key = keyOf(request)
      const isRepeat = async () => key !== undefined && (await writes.isRepeat(key).catch(fail))
      // A repeat of what is stored must not hear that nothing was.
      if ((strict || prefers.strict) && delivery.away && !(await isRepeat())) {
        const headers = {
          'retry-after': String(delivery.retryAfter),
          ...(prefers.strict && { 'preference-applied': 'handling=strict' }),
        }
        throw problem('kafka-away', 'Kafka takes no events now. Nothing was stored, as you prefer.', { headers })
      }
      // Only a failure of the write itself means that nothing is stored.
      const answer = await writes.write(key ? { ...write, key } : write, prefers.waitMs).catch(fail)
      const order = answered(reply, answer)
      const applied = preferenceApplied(prefers, reply.statusCode)
      if (applied) reply.header('preference-applied', applied)
      return order
    }
  }

const isIn = (statuses: readonly string[], status: string) => statuses.includes(status)

function fail(error: unknown): never {
  throw failure(error)
}

/** The key, as it is or as the draft's quoted string. */
function keyIn({ headers }: FastifyRequest): string | undefined {
  const given = headers['idempotency-key']?.toString()
  if (given === undefined) return undefined
  const key = headerText(given)
  return /^"(?:[^"\\]|\\["\\])*"$/.test(key) ? key.slice(1, -1).replaceAll(/\\(.)/g, '$1') : key
}

function wrongKey(request: FastifyRequest): FieldError[] {
  const key = keyIn(request)
  if (key === undefined) return []
  const field = 'Idempotency-Key'
  if (countOf(request.raw, 'idempotency-key') > 1) return [{ field, message: 'must be sent once' }]
  return /^[^\p{Cc}]{1,255}$/u.test(key) ? [] : [{ field, message: 'must have 1 to 255 characters' }]
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
