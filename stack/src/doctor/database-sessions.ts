// Whether a session is what the services take it for.
import { connectionOf } from '@inorder/storage/connection.ts'
import { assertSessionPooling, openPool, SharedSessions } from '@inorder/storage/pool.ts'
import pg from 'pg'

/** Without the settings that a service begins its sessions with: a proxy may refuse these, and hide that it shares sessions. */
export async function poolingOf(url: string, deadlineMs: number): Promise<'sessions' | 'transactions'> {
  const pool = new pg.Pool({ max: 2, connectionTimeoutMillis: deadlineMs, ...connectionOf(url) })
  pool.on('error', () => {})
  try {
    // Others may use the proxy at the same moment, and take the session that gives it away.
    for (let n = 0; n < 3; n++) await assertSessionPooling(pool)
    return 'sessions'
  } catch (error) {
    if (error instanceof SharedSessions) return 'transactions'
    throw error
  } finally {
    pool.end().catch(() => {})
  }
}

/** Of rule 8, as the server has them. */
export async function limitsOf(url: string): Promise<ReadonlyMap<string, string>> {
  const pool = openPool({ url, name: 'doctor', max: 1, deadlineMs: 2_500, onIdleError: () => {} })
  try {
    const { rows } = await pool.query<{ name: string; setting: string }>(
      `SELECT name, setting FROM pg_settings WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout')`,
    )
    return new Map(rows.map(({ name, setting }) => [name, setting]))
  } finally {
    pool.end().catch(() => {})
  }
}
