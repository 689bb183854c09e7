import { problem } from '@inorder/contracts/problems.ts'
import { sqlFault, sqlState } from '@inorder/storage/sqlstate.ts'
import type { FastifyRequest } from 'fastify'

/**
 * Error handler of routes that ask the database: its absence has a name, everything else goes on to the app's handler.
 * What `pg` throws when it gets no answer is no class of its own but a plain Error; mistakes in code are never plain.
 */
export function orDatabaseAway(error: Error, request: FastifyRequest): never {
  if (!isOfDatabase(error)) throw error
  request.log.warn({ err: error, url: request.url }, 'the database did not answer')
  throw problem('database-away', 'The database does not answer. Try again.')
}

function isOfDatabase(error: Error): boolean {
  if (sqlState(error) !== undefined) return sqlFault(error) === 'transient'
  // No address of several took the connection.
  if (error instanceof AggregateError) return true
  return Object.getPrototypeOf(error) === Error.prototype
}
