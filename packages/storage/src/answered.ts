/**
 * Statements that were sent one behind the other, none of them awaited. Fails as the first of them failed, in the sequence
 * in which they were sent: what comes behind it only says that the transaction is aborted.
 */
export async function answered(statements: Iterable<Promise<unknown>>): Promise<void> {
  for (const outcome of await Promise.allSettled(statements)) if (outcome.status === 'rejected') throw outcome.reason
}
