/** What a call waits for: of more it does the first ones, and its `next` says where to go on. */
export const mostInOneCall = 1_000
/** So many rows are locked at once. */
const together = 100

/**
 * Does something to every row that one cause holds up, in a transaction for each hundred: `act` gives those that it still
 * found. Those of a transaction that fails have an error, and do not stop the others.
 */
export async function actOnAll<Row, Item extends object>(
  rows: readonly Row[],
  shown: (row: Row) => Item & { error?: string },
  act: (some: readonly Row[]) => readonly Row[] | Promise<readonly Row[]>,
): Promise<{ items: (Item & { error?: string })[]; done: number; failed: number }> {
  const items: (Item & { error?: string })[] = []
  let failed = 0
  for (let from = 0; from < rows.length; from += together) {
    const some = rows.slice(from, from + together)
    try {
      items.push(...(await act(some)).map(shown))
    } catch (error) {
      failed += some.length
      items.push(...some.map((row) => ({ ...shown(row), error: (error as Error).message })))
    }
  }
  return { items, done: items.length - failed, failed }
}
