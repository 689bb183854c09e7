// Shells that are set up in other ways than ours: what the user's environment and paths hold must not reach the parts that
// `npm start` starts.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Stack } from '@inorder/testing/stack.ts'
import { sql } from './sql.ts'

/** The locale knows ASCII only. */
export const posix = { LC_ALL: 'POSIX' }

/** What Java, Kafka, the registry and PostgreSQL take from a user's environment. */
export const turkish = {
  LC_ALL: 'tr_TR.UTF-8',
  JAVA_TOOL_OPTIONS: '-Duser.language=tr -Duser.country=TR',
  _JAVA_OPTIONS: '-Duser.language=tr -Duser.country=TR',
  QUARKUS_PROFILE: 'dev',
  QUARKUS_HTTP_ROOT_PATH: '/elsewhere',
  // Of a server of the user's own, as psql and pg_dump take them.
  PGSSLMODE: 'require',
  PGOPTIONS: '-c default_transaction_read_only=on',
  PGHOST: '192.0.2.1',
  PGPORT: '1',
  PGUSER: 'nobody',
  PGPASSWORD: 'secret',
  PGDATABASE: 'elsewhere',
  PGDATA: '/nowhere',
  PGSERVICE: 'elsewhere',
  PGTZ: 'Asia/Tokyo',
  PGCLIENTENCODING: 'latin1',
}

/** All parts are where they belong, and the cart's sessions came by the server's socket: these have no address. */
export async function assertUnreached(stack: Stack): Promise<void> {
  const [row] = await sql<{ by: boolean }>(
    `postgres://postgres@${stack.address('postgres')}/postgres`,
    `SELECT every(client_addr IS NULL) AS by FROM pg_stat_activity WHERE application_name = 'cart'`,
  )
  assert.equal(row?.by, true)
  for (const kept of ['kafka/log/order-events-0', 'registry/registry.mv.db', 'postgres/PG_VERSION'])
    assert.ok(existsSync(join(stack.data, kept)), kept)
}
