import pg from 'pg'

/** The five characters of a server's error, `undefined` when the error did not come from the server. */
export const sqlState = (error: unknown): string | undefined =>
  error instanceof pg.DatabaseError ? error.code : undefined

/** A lock was not there within the transaction's `lockTimeoutMs`. */
export const isLockTimeout = (error: unknown): boolean => sqlState(error) === '55P03'

/**
 * Rule 5: only classes 22 (data exception) and 23 (constraint violation) are the row's fault and stay so when tried again.
 * All else is ours or passes: a lost connection, a deadlock, and 42xxx too, which is a forgotten migration.
 */
export function sqlFault(error: unknown): 'row' | 'transient' {
  const state = sqlState(error)
  return state?.startsWith('22') || state?.startsWith('23') ? 'row' : 'transient'
}
