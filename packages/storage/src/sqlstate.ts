import pg from 'pg'

/** The five characters of a server's error, `undefined` when the error did not come from the server. */
export const sqlState = (error: unknown): string | undefined =>
  error instanceof pg.DatabaseError ? error.code : undefined

/** A lock was not there within the transaction's `lockTimeoutMs`. */
export const isLockTimeout = (error: unknown): boolean => sqlState(error) === '55P03'

/** Data exception, constraint violation, and a limit of the server (an index row that is too long). */
const ofTheData = new Set(['22', '23', '54'])

/**
 * Rule 5: only these classes are the row's fault and stay so when tried again. All else is ours or passes: a lost
 * connection, a deadlock, and 42xxx too, which is a forgotten migration.
 */
export const sqlFault = (error: unknown): 'row' | 'transient' => (ofTheData.has(classOf(error)) ? 'row' : 'transient')

/** The statement's and the transaction's; and ours, when the server says nothing at all. */
const timeLimits = new Set(['57014', '25P04'])
const ownTimeLimit = 'Query read timeout'

/**
 * Connections, the state of a transaction or a session, privileges, names that do not exist, deadlocks, the wrong schema,
 * resources, locks, an administrator, the operating system, a broken server: whatever a record holds, it is not to blame.
 */
const neverTheData = new Set(['08', '25', '26', '28', '3D', '3F', '40', '42', '53', '55', '57', '58', 'XX'])

/**
 * Rule 17, what a failed transaction says of the records in it. `data`: one of them is refused, and always will be.
 * `time-limit`: it was too much at once. `unclear`: it may be a record or a fault of ours; only trying tells. `outage`: no
 * record is to blame.
 */
export function refusalOf(error: unknown): 'data' | 'time-limit' | 'unclear' | 'outage' {
  const state = sqlState(error)
  if (state === undefined) {
    if (error instanceof Error && error.message === ownTimeLimit) return 'time-limit'
    // A mistake in code may need a certain record to show; what has no answer is a plain Error.
    return isMistake(error) ? 'unclear' : 'outage'
  }
  if (timeLimits.has(state)) return 'time-limit'
  if (ofTheData.has(classOf(error))) return 'data'
  return neverTheData.has(classOf(error)) ? 'outage' : 'unclear'
}

const classOf = (error: unknown): string => sqlState(error)?.slice(0, 2) ?? ''

const isMistake = (error: unknown) =>
  error instanceof TypeError ||
  error instanceof RangeError ||
  error instanceof ReferenceError ||
  error instanceof SyntaxError
