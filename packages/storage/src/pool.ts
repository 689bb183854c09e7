import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { connectionOf } from './connection.ts'

interface PoolOptions {
  /** `postgres://user:password@host:port/database` */
  url: string
  /** Shown in `pg_stat_activity`: `cart`, `order-2`, ... */
  name: string
  max: number
  /** Longest time a statement may take (ms). The server ends it then; if the server is frozen we do, half a second later. */
  deadlineMs?: number
  /** SQL that names the database which a session leads to; NULL: not known, and the session is used once. */
  identity?: string
  /** Told of each new session, before it is used. */
  onSession?: (identity: string | null) => void
  /** Whether sessions that lead there are still to be used. */
  accepts?: (identity: string) => boolean
  /** Told of sessions that end while nobody uses them (a restarted server). The pool opens new ones by itself. */
  onIdleError?: (error: Error) => void
}

const connectDeadlineMs = 1_000

/**
 * A session keeps the plans of its prepared statements. One that was made while a table was nearly empty reads all of it, and
 * goes on doing so when it has a million rows, until the next ANALYZE. What we ask is always for a few rows by their keys.
 */
const notForUs = 'enable_seqscan,enable_hashjoin,enable_mergejoin'

/** The server, its timeline (another one after a promotion or a recovery to a point in time), the database. NULL on a standby. */
export const databaseIdentity = `
CASE WHEN NOT pg_is_in_recovery() THEN concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
  left(pg_walfile_name(pg_current_wal_lsn()), 8),
  (SELECT oid FROM pg_database WHERE datname = current_database())) END`

/** Of the pool's sessions, by their clients. */
const identities = new WeakMap<object, string>()

/** Which database this session of a pool leads to. Undefined: it was not known when the session was opened. */
export const identityOf = (session: object): string | undefined => identities.get(session)

/**
 * A pool whose every session has the limits of rule 8, so that a frozen holder of a lock loses it.
 * They travel with the start of the session and cost no round trip; only `transaction_timeout`, which servers before 17
 * do not know and would refuse the session for, is set by a query of its own.
 */
export function openPool({
  url,
  name,
  max,
  deadlineMs = 10_000,
  identity = databaseIdentity,
  onSession,
  accepts = () => true,
  onIdleError = (error) => process.emitWarning(error),
}: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    application_name: name,
    max,
    connectionTimeoutMillis: connectDeadlineMs,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    // A statement goes out when it is made, not when the one before it is answered.
    pipeline: true,
    statement_timeout: deadlineMs,
    query_timeout: deadlineMs + 500,
    idle_in_transaction_session_timeout: 2_000,
    async onConnect(client) {
      // Two statements in one text come back as two results, which the types of pg do not know.
      const results: unknown = await client.query(
        `SELECT set_config(name, '${3 * deadlineMs}', false) FROM pg_settings WHERE name = 'transaction_timeout';
         SELECT set_config(name, 'off', false) FROM pg_settings WHERE name = ANY ('{${notForUs}}');
         SELECT (${identity}) AS identity`,
      )
      const found = (results as pg.QueryResult<{ identity: string | null }>[])[2]!.rows[0]!.identity
      if (found !== null) identities.set(client, found)
      onSession?.(found)
    },
    ...connectionOf(url),
  })
  // What is asked of a session that was ended fails, and the pool throws it away.
  pool.on('acquire', (client) => {
    const known = identities.get(client)
    if (known !== undefined && !accepts(known)) void client.end()
  })
  pool.on('release', (_, client) => {
    if (!identities.has(client)) void client.end()
  })
  pool.on('error', onIdleError)
  return pool
}

/**
 * Whether the database takes writes: not while it is a standby, or set to read only. A session that says no is thrown
 * away, since it may be the only one that still does.
 */
export async function takesWrites(pool: Pick<pg.Pool, 'connect'>): Promise<boolean> {
  const client = await pool.connect()
  let readOnly: Error | undefined
  try {
    const { rows } = await client.query<{ only: boolean }>(
      `SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS only`,
    )
    if (rows[0]?.only) readOnly = new Error('the database is read only')
  } catch (error) {
    readOnly = error as Error
    throw error
  } finally {
    client.release(readOnly)
  }
  return !readOnly
}

export class SharedSessions extends Error {
  override name = 'SharedSessions'
  constructor() {
    super(
      'DATABASE_URL leads to a proxy that pools transactions (PgBouncer with pool_mode=transaction, say). ' +
        'Locks and notifications need sessions: connect to PostgreSQL itself, or set the proxy to session pooling.',
    )
  }
}

/**
 * Refuses a transaction-pooling proxy: advisory locks, LISTEN and session settings would silently belong to others.
 * A session is marked. If it loses the mark, the proxy gives out server sessions in turn; if another one sees it, the proxy
 * gives out the one that was used last. One session asked twice would not notice the latter.
 */
export async function assertSessionPooling(pool: Pick<pg.Pool, 'connect'>): Promise<void> {
  const mark = randomUUID()
  const seen = `SELECT current_setting('inorder.session', true) AS mark`
  const one = await pool.connect()
  let other: pg.PoolClient | undefined
  try {
    other = await pool.connect()
    await one.query(`SELECT set_config('inorder.session', $1, false)`, [mark])
    const ours = (await one.query<{ mark: string }>(seen)).rows[0]?.mark
    const theirs = (await other.query<{ mark: string }>(seen)).rows[0]?.mark
    if (ours !== mark || theirs === mark) throw new SharedSessions()
  } finally {
    one.release(true)
    other?.release(true)
  }
}
