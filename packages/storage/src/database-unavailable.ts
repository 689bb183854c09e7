// The one table of what it means when a database does not do its work: an HTTP answer, a retry and a log line that ask
// here agree with each other.
import { databaseDenial } from './database-denied.ts'
import { sqlFault, sqlState } from './sqlstate.ts'

/** The operating system's words for a server that cannot be reached, or that hung up. */
const ofTheNetwork = new Set([
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EAI_AGAIN',
  'EADDRNOTAVAIL',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'EMFILE',
  'ENETDOWN',
  'ENETUNREACH',
  'ENFILE',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
])

/** The same of a server's socket file, when they are said of a connection: it is not there, or too many wait at it. */
const ofASocket = new Set(['ENOENT', 'EAGAIN'])

/** What `pg` throws without the server's doing has no class and no code, only these words. */
const ofTheDriver = [
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  'Connection terminated',
  'Query read timeout',
  'timeout exceeded when trying to connect',
  'timeout expired',
]

/**
 * Whether the database did not answer, or answered with something that is nobody's data. False for what the database
 * refuses of a row, and for mistakes in code.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (sqlState(error) !== undefined) return sqlFault(error) === 'transient'
  // One for each address of the server.
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isDatabaseUnavailable)
  if (!(error instanceof Error)) return false
  // A certificate that has expired meanwhile, say.
  if (databaseDenial(error)) return true
  if ('code' in error && typeof error.code === 'string')
    return (
      ofTheNetwork.has(error.code) || (ofASocket.has(error.code) && 'syscall' in error && error.syscall === 'connect')
    )
  return ofTheDriver.some((words) => error.message.startsWith(words))
}
