import { Problem } from '@inorder/contracts/problems.ts'
import { NoAnswer } from '@inorder/http/no-answer.ts'
import { isDatabaseUnavailable } from '@inorder/storage/database-unavailable.ts'
import { CommitUnknown } from '@inorder/storage/transaction.ts'
import type { FastifyRequest } from 'fastify'

/** Error handler of routes that use the database: its absence has a name, everything else goes on to the app's handler. */
export function orDatabaseUnavailable(error: Error, request: FastifyRequest): never {
  if (error instanceof CommitUnknown) throw new NoAnswer(error.message, { cause: error })
  if (!isDatabaseUnavailable(error)) throw error
  request.log.warn(
    { err: error, url: request.url, request_id: request.id },
    'the database did not answer: the request was answered 503',
  )
  throw new Problem('database-away', 'The database does not answer. Try again.')
}
