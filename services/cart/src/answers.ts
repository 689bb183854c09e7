// What became of a write, as an answer.
import { allowedAfter } from '@inorder/contracts/lifecycle.ts'
import type { Order } from '@inorder/contracts/order.ts'
import { Problem, problem } from '@inorder/contracts/problems.ts'
import { invalidRequest } from '@inorder/http/field-errors.ts'
import { pathTo } from '@inorder/http/location.ts'
import { NoAnswer } from '@inorder/http/no-answer.ts'
import { entityTag } from '@inorder/http/preconditions.ts'
import { NotCompared } from '@inorder/messaging/outbox/database-run.ts'
import { QueueFull } from '@inorder/storage/group-commit.ts'
import { CommitUnknown } from '@inorder/storage/transaction.ts'
import type { FastifyReply } from 'fastify'
import type { Result } from './group.ts'
import { OrderLocked } from './lock-wait.ts'
import type { Outcome } from './order.ts'
import type { Answer } from './writes.ts'

/** Sets status and headers, and returns the body. Throws the problem that a refusal is. */
export function answered(reply: FastifyReply, { result, delivery }: Answer): Order {
  const outcome = accepted(result)
  const { order, version } = outcome.now
  const done = outcome.kind === 'created' ? 201 : 200
  reply.code(delivery === 'delivered' ? done : 202)
  reply.header('etag', entityTag(version)).header('event-delivery', delivery ?? 'pending')
  if (outcome.kind === 'created') reply.header('location', pathTo('/orders', order.orderId))
  return order
}

type Accepted = Extract<Outcome, { now: unknown }>

function accepted(result: Result): Accepted {
  if ('refused' in result)
    throw result.refused === 'held' ? orderHeld(result.orderId, result.why) : refusals[result.refused]()
  const { outcome } = result
  switch (outcome.kind) {
    case 'exists':
      throw problem('order-exists', `An order ${outcome.orderId} exists. It was not changed.`)
    case 'missing':
      throw notFound(outcome.orderId)
    case 'other-version':
      throw otherVersion(outcome.orderId, outcome.version)
    case 'illegal-move':
      throw illegalMove(outcome.from, outcome.to, allowedAfter(outcome.from))
    default:
      return outcome
  }
}

export const otherVersion = (orderId: string, version: number): Problem =>
  problem('version-mismatch', `Order ${orderId} is at version ${version}. It was not changed.`, {
    headers: { etag: entityTag(version) },
  })

const refusals = {
  'another-request': () =>
    problem(
      'idempotency-key-reused',
      'This Idempotency-Key came with another body before. Take a new key for a new request.',
    ),
  undecided: () =>
    problem('idempotency-key-in-use', 'The first request with this Idempotency-Key is still being decided.', {
      headers: { 'retry-after': '1' },
    }),
  data: () => invalidRequest([{ field: 'body', message: 'holds a value that the database does not take' }]),
}

export const illegalMove = (from: string | null, to: string, allowed: readonly string[]): Problem =>
  problem('illegal-move', `${from === null ? 'No order begins as' : `An order does not go from ${from} to`} ${to}.`, {
    members: { from, allowed },
  })

/** No `Retry-After`: until an operator decides, trying again does not help. */
export const orderHeld = (orderId: string, why: string): Problem =>
  problem(
    'order-held',
    `Order ${orderId} is held: ${why}. Nothing was stored. An operator has to decide: GET /ops/held lists it.`,
  )

/** Rule 12: what the log holds is not known yet, or not any more, because another database took the place of ours. */
export const logNotRead = (): Problem =>
  problem('not-ready', 'What Kafka holds is not read yet. Nothing was stored.', { members: { missing: ['log'] } })

export const notFound = (orderId: string): Problem => problem('order-not-found', `There is no order ${orderId}.`)

/** The answer to a failure: rule 4 allows "nothing was stored" unless the outcome of a commit is unknown. */
export function failure(error: unknown): Error {
  if (error instanceof Problem) return error
  if (error instanceof CommitUnknown) return new NoAnswer(error.message, { cause: error })
  if (error instanceof OrderLocked) return problem('order-locked', `Nothing was stored: ${error.message}.`)
  if (error instanceof NotCompared) return logNotRead()
  if (error instanceof QueueFull) return problem('overloaded', 'Too many requests are waiting. Nothing was stored.')
  return problem('database-away', 'The database does not answer as it should. Nothing was stored.')
}
