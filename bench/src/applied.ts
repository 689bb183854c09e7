import { until } from '@inorder/testing/until.ts'
import pg from 'pg'

/**
 * Events a second that a consumer applies from a backlog: from the first sample with something applied to the first
 * at `total`, or the last before `seconds` have gone. `count` is SQL that gives how many are applied.
 */
export async function appliedPerSecond(
  databaseUrl: string,
  count: string,
  total: number,
  seconds: number,
): Promise<{ perSecond: number; applied: number }> {
  const client = await until('the database takes a connection', async () => {
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    return client
  })
  const applied = async () => Number((await client.query(count)).rows[0]?.n ?? 0)
  try {
    const first = await until('the first events are applied', applied)
    const started = performance.now()
    let last = first
    let elapsed = 0
    await until(`${total} events are applied, or ${seconds} s have gone`, async () => {
      last = await applied()
      elapsed = (performance.now() - started) / 1000
      return last >= total || elapsed >= seconds
    })
    return { perSecond: (last - first) / elapsed, applied: last }
  } finally {
    await client.end()
  }
}
