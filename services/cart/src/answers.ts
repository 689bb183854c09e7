// What became of a write, as an answer.
import type { Order } from '@inorder/contracts/order.ts'
import { Problem } from '@inorder/contracts/problems.ts'
import { invalidRequest } from '@inorder/http/field-errors.ts'
import { pathTo } from '@inorder/http/location.ts'
import { NoAnswer } from '@inorder/http/no-answer.ts'
import { entityTag } from '@inorder/http/preconditions.ts'
import { NotCompared } from '@inorder/messaging/outbox/database-run.ts'
import { QueueFull } from '@inorder/storage/group-commit.ts'
import { CommitUnknown } from '@inorder/storage/transaction.ts'
import type { FastifyReply } from 'fastify'
import type { Outcome } from './order.ts'
import { type Preferences, preferenceApplied } from './prefer.ts'
import { OrderLocked, type WriteAnswer } from './writes.ts'

/** Sets status and headers, and returns the body. Throws the problem that a refusal is. */
export function answered(reply: FastifyReply, { result, delivery }: WriteAnswer, prefers: Preferences): Order {
  const { kind, now } = accepted(result, prefers)
  const { order, version } = now
  const done = kind === 'created' ? 201 : 200
  reply.code(delivery === 'delivered' ? done : 202)
  reply.header('etag', entityTag(version)).header('event-delivery', delivery ?? 'pending')
  if (kind === 'created') reply.header('location', pathTo('/orders', order.orderId))
  const applied = preferenceApplied(prefers, reply.statusCode)
  if (applied) reply.header('preference-applied', applied)
  return order
}

function accepted(result: WriteAnswer['result'], { strict }: Preferences): Extract<Outcome, { now: unknown }> {
  switch (result.kind) {
    case 'created':
    case 'changed':
    case 'unchanged':
      return result
    case 'exists':
      throw new Problem('order-exists', `An order ${result.orderId} exists. It was not changed.`)
    case 'missing':
      throw notFound(result.orderId)
    case 'other-version': {
      const { orderId, version } = result
      const headers = { etag: entityTag(version) }
      throw new Problem('version-mismatch', `Order ${orderId} is at version ${version}. It was not changed.`, {
        headers,
      })
    }
    case 'illegal-move': {
      const { from, to, allowed } = result
      const move = from === null ? 'No order begins as' : `An order does not go from ${from} to`
      throw new Problem('illegal-move', `${move} ${to}.`, { members: { from, allowed } })
    }
    case 'held':
      throw orderHeld(result.orderId, result.why)
    case 'another-request':
      throw new Problem(
        'idempotency-key-reused',
        'This Idempotency-Key came with another body before. Take a new key for a new request.',
      )
    case 'undecided':
      throw new Problem('idempotency-key-in-use', 'The first request with this Idempotency-Key is still being decided.')
    case 'data':
      throw invalidRequest([{ field: 'body', message: 'holds a value that the database does not take' }])
    case 'too-large':
      throw new Problem('order-too-large', 'The order is too large for one event.')
    case 'kafka-away': {
      const retry = { 'retry-after': String(result.retryAfter) }
      const headers = strict ? { ...retry, 'preference-applied': 'handling=strict' } : retry
      throw new Problem('kafka-away', 'Kafka takes no events now. Nothing was stored, as you prefer.', { headers })
    }
  }
}

/** No `Retry-After`: until an operator decides, trying again does not help. */
export const orderHeld = (orderId: string, why: string): Problem =>
  new Problem(
    'order-held',
    `Order ${orderId} is held: ${why}. Nothing was stored. An operator has to decide: GET /ops/held lists it.`,
  )

/** Rule 12: what the log holds is not known yet, or not any more, because another database took the place of ours. */
export const logNotRead = (): Problem =>
  new Problem('not-ready', 'What Kafka holds is not read yet. Nothing was stored.', { members: { missing: ['log'] } })

export const notFound = (orderId: string): Problem => new Problem('order-not-found', `There is no order ${orderId}.`)

/** Throws the answer to a failure: rule 4 allows "nothing was stored" unless the outcome of a commit is unknown. */
export function fail(error: unknown): never {
  if (error instanceof Problem) throw error
  if (error instanceof CommitUnknown) throw new NoAnswer(error.message, { cause: error })
  if (error instanceof OrderLocked) throw new Problem('order-locked', `Nothing was stored: ${error.message}.`)
  if (error instanceof NotCompared) throw logNotRead()
  if (error instanceof QueueFull) throw new Problem('overloaded', `Nothing was stored: ${error.message}.`)
  throw new Problem('database-away', 'The database does not answer as it should. Nothing was stored.')
}
