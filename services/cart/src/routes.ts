// The cart over HTTP: a request becomes a write, and its outcome the answer.
import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Order } from '@inorder/contracts/order.ts'
import type { FieldError } from '@inorder/contracts/problems.ts'
import { answersOf, withHeaders } from '@inorder/http/answers.ts'
import { invalidRequest } from '@inorder/http/field-errors.ts'
import { countOf, headerText } from '@inorder/http/header-text.ts'
import { notModified, parseIfMatch, parseIfNoneMatch, sendVersion, wrongTags } from '@inorder/http/preconditions.ts'
import { closed, inChapter } from '@inorder/http/schemas.ts'
import { badFields, shapeOf } from '@inorder/http/validation.ts'
import { activeTraceparent } from '@inorder/messaging/kafka/spans.ts'
import { traceparentForm } from '@inorder/messaging/kafka/trail.ts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type pg from 'pg'
import { Type } from 'typebox'
import { answered, fail, notFound, orderHeld } from './answers.ts'
import { type KeyUse, requestHash } from './idempotency.ts'
import { NewOrder, newOrder, Priced, wrongTotal } from './new-order.ts'
import type { Command } from './order.ts'
import { parsePrefer } from './prefer.ts'
import { orderOf } from './store.ts'
import type { Writes } from './writes.ts'

interface CartRoutes {
  writes: Writes
  pool: pg.Pool
  /** This process, `cart-2`: to it the relay tells which events are acknowledged. */
  instance: string
  /** ORDER_LIFECYCLE */
  lifecycle: 'free' | 'strict'
  /** Whether only this machine can call: then a caller's word on sampling counts. */
  isLocal: boolean
  now(): Date
  /** Numbers in [0, 1). */
  random(): number
}

const { orderId, status } = Order.properties
const StatusChange = closed(
  { orderId, status },
  { title: 'StatusChange', examples: [{ orderId: 'o-1', status: 'confirmed' }] },
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
  'idempotency-key-in-use',
  'order-too-large',
  'idempotency-key-reused',
  'database-away',
  'order-locked',
  'overloaded',
  'kafka-away',
  'not-ready',
  'order-held',
] as const
const createdOrder = withHeaders(Order, 'ETag', 'Event-Delivery', 'Location', 'Preference-Applied')
const changedOrder = withHeaders(Order, 'ETag', 'Event-Delivery', 'Preference-Applied')
const isPriced = shapeOf(Priced)

export const cartRoutes =
  ({ writes, pool, instance, lifecycle, isLocal, now, random }: CartRoutes): FastifyPluginAsyncTypebox =>
  async (app) => {
    inChapter(app, 'orders')
    const config = { isBehind: () => writes.isBehind }
    app.post(
      '/create-order',
      {
        config,
        attachValidation: true,
        schema: {
          operationId: 'createOrder',
          summary: 'Creates an order, made up or real',
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
        const { validationError, body, headers } = request
        const wrong = [...badFields(validationError, request), ...wrongKey(request)]
        const ifNoneMatch = parseIfNoneMatch(headers['if-none-match'])
        if (!ifNoneMatch) wrong.push(wrongTags('If-None-Match'))
        if (!ifNoneMatch || wrong.length > 0)
          throw invalidRequest(isPriced(body) ? [...wrong, ...wrongTotal(body)] : wrong)
        const order = newOrder(body, now(), random)
        if (Array.isArray(order)) throw invalidRequest(order)
        return write(request, reply, { type: 'CreateOrder', eventId: randomUUID(), lifecycle, order, ifNoneMatch })
      },
    )

    app.put(
      '/update-order',
      {
        config,
        attachValidation: true,
        schema: {
          operationId: 'updateOrder',
          summary: 'Changes the status of an order',
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
        const { validationError, body, headers } = request
        const wrong = [...badFields(validationError, request), ...wrongKey(request)]
        const ifMatch = parseIfMatch(headers['if-match'])
        if (!ifMatch) wrong.push(wrongTags('If-Match'))
        const ifNoneMatch = parseIfNoneMatch(headers['if-none-match'])
        if (!ifNoneMatch) wrong.push(wrongTags('If-None-Match'))
        if (!ifMatch || !ifNoneMatch || wrong.length > 0) throw invalidRequest(wrong)
        const eventId = randomUUID()
        return write(request, reply, { type: 'ChangeStatus', eventId, lifecycle, ...body, ifMatch, ifNoneMatch })
      },
    )

    app.get(
      '/orders/:orderId',
      {
        schema: {
          operationId: 'getOrder',
          summary: 'An order as the cart holds it',
          params: Type.Object({ orderId }),
          response: {
            200: withHeaders(Order, 'ETag'),
            304: notModified,
            ...answersOf('order-not-found', 'version-mismatch', 'database-away', 'order-held'),
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
          return fail(error)
        }
      },
    )

    async function write(request: FastifyRequest, reply: FastifyReply, command: Command): Promise<Order> {
      const prefers = parsePrefer(request.headers.prefer?.toString())
      const source = {
        origin: instance,
        requestId: request.id,
        traceparent: activeTraceparent() ?? traceOf(request, isLocal),
        actor: request.caller?.name,
      }
      const asked = { command, key: keyOf(request), ...source }
      // Only a failure of the write itself means that nothing is stored.
      const answer = await writes.write(asked, prefers).catch(fail)
      return answered(reply, answer, prefers)
    }
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
  const { method, routeOptions, body, caller } = request
  const key = keyIn(request)
  if (key === undefined) return undefined
  // What one caller has done is not told to another who knows, or guesses, the key.
  const operation = `${method} ${routeOptions.url}${caller ? ` ${caller.id}` : ''}`
  return { key, operation, hash: requestHash(body) }
}

/**
 * The W3C trace that the request belongs to, if it names a valid one, where the cart itself does not trace. Off loopback
 * nothing of it is sampled: consumers follow the flag, and anybody could have them trace every order.
 */
function traceOf({ headers: { traceparent } }: FastifyRequest, isLocal: boolean): string | undefined {
  if (typeof traceparent !== 'string' || !traceparentForm.test(traceparent)) return undefined
  return isLocal ? traceparent : traceparent.replace(/..$/, '00')
}
