import type { ClientBase } from 'pg'

/** How many rows a piece of work reads of each table, by scan or by index: what its plans cost, without a clock. */
export async function rowsRead(
  tx: Pick<ClientBase, 'query'>,
  work: () => Promise<unknown>,
): Promise<Map<string, number>> {
  const count = async () => {
    const { rows } = await tx.query<{ name: string; read: number }>(
      'SELECT relname AS name, (seq_tup_read + idx_tup_fetch)::float8 AS read FROM pg_stat_xact_user_tables',
    )
    return new Map(rows.map(({ name, read }) => [name, read]))
  }
  const before = await count()
  await work()
  return new Map([...(await count())].map(([name, read]) => [name, read - (before.get(name) ?? 0)]))
}
