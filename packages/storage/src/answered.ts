/**
 * What came of statements that were sent one behind the other, none of them awaited. Fails as the first of them failed, in
 * the sequence in which they were sent: what comes behind it only says that the transaction is aborted.
 */
export async function answered<const T extends readonly Promise<unknown>[]>(
  statements: T,
): Promise<{ -readonly [N in keyof T]: Awaited<T[N]> }> {
  const outcomes = await Promise.allSettled(statements)
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  return Promise.all(statements) as never
}
