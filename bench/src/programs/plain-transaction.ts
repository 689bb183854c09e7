import pg from 'pg'

export const plainPool = (url: string, max: number) => new pg.Pool({ connectionString: url, max })

/** As it is usually written; a failure ends the program, which is a baseline. */
export async function plainTransaction(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<unknown>,
): Promise<void> {
  const client = await pool.connect()
  await client.query('BEGIN')
  await work(client)
  await client.query('COMMIT')
  client.release()
}
