import type pg from 'pg'
import { type Begun, outcomeOf, type Sessions } from './commit-outcome.ts'
import { identityOf } from './pool.ts'
import { sqlState } from './sqlstate.ts'

export { CommitUnknown, type Sessions } from './commit-outcome.ts'
export { isLockTimeout, sqlFault } from './sqlstate.ts'

/** What work inside a transaction may do: ask. */
export type Tx = Pick<pg.ClientBase, 'query'> & {
  /** The database that it is in, as `identityOf` names it. */
  readonly identity?: string | undefined
}

/**
 * A condition for the WHERE of a statement which may then go out together with BEGIN. Where the server refuses the BEGIN
 * alone, what came behind it runs as a transaction of its own: it has no id yet, so with this condition it does nothing.
 */
export const ifBegun = 'pg_current_xact_id_if_assigned() IS NOT NULL'

/** Takes a statement that `work` has sent and need not see answered: the COMMIT follows it at once, and fails with it. */
export type Last = (statement: Promise<unknown>) => void

interface TransactionOptions {
  /** Longest time that a statement waits for a lock (ms). What fails by it is told by `isLockTimeout`. */
  lockTimeoutMs?: number
  /** A `performance.now()`. Where COMMIT was not sent by then, the session is cut, and nothing is stored. */
  commitBefore?: number
}

/**
 * Runs `work` in one transaction (READ COMMITTED) and returns what it returned, once that is stored. Its first statements
 * travel with BEGIN as far as they hold `ifBegun`; from the first without it on they wait for the answer to BEGIN.
 * Throws CommitUnknown when it cannot be found out whether it is stored; any other error means that nothing is.
 */
export async function transaction<T>(
  pool: Sessions,
  work: (tx: Tx, last: Last) => Promise<T>,
  { lockTimeoutMs, commitBefore = Number.POSITIVE_INFINITY }: TransactionOptions = {},
): Promise<T> {
  const client = await pool.connect()
  // A session that dies between two statements says so here; the next statement then fails, which is what we act on.
  let broken: Error | undefined
  const onError = (error: Error) => {
    broken ??= error
  }
  client.on('error', onError)
  const release = (error?: Error) => {
    client.off('error', onError)
    client.release(error ?? broken)
  }
  // What waits for a server that has frozen fails by that, and so does what comes after it.
  const cut = () => socketOf(client).destroy()
  const overdue =
    commitBefore < Number.POSITIVE_INFINITY ? setTimeout(cut, commitBefore - performance.now()) : undefined

  // 1. Begin, and ask for the transaction's id.
  inOnePacket(client)
  const beginning = begin(client, lockTimeoutMs)
  beginning.catch(() => {})
  const tx = behind(beginning, client)
  let begun: Begun
  let result: T
  let sent: Promise<unknown> | undefined
  try {
    // 2. Work. Where BEGIN fails its error counts, not what the work made of it.
    try {
      result = await work(tx, (statement) => {
        sent = statement
        sent.catch(() => {})
      })
    } finally {
      begun = await beginning
    }
  } catch (error) {
    clearTimeout(overdue)
    // 3. Nothing was sent that could store it. Where the server did not say what failed, the session may hang in a
    // statement, and a ROLLBACK would wait behind it for one more deadline: it is thrown away.
    if (refused(error) && isFit(client, error)) await client.query('ROLLBACK').then(() => release(), release)
    else release(error as Error)
    throw error
  }

  // 4. Commit; only an answer of the server itself is taken as one. After a statement that failed it means ROLLBACK.
  clearTimeout(overdue)
  try {
    const { command } = await tx.query('COMMIT')
    failuresInARow.delete(client)
    release()
    if (command === 'COMMIT') return result
  } catch (error) {
    release(error as Error)
    if (refused(error)) throw error
    // 5. Rule 4: the answer got lost. Ask other sessions what became of it.
    if ((await outcomeOf(pool, begun)) === 'committed') return result
    throw error
  }
  await sent
  throw new Error('the transaction had failed before COMMIT, which the server therefore took as ROLLBACK')
}

const failuresInARow = new WeakMap<pg.ClientBase, number>()
const mostFailuresInARow = 3

/**
 * Whether a session in which a transaction failed can be used again. Not when the server says that something other than
 * the statement's data, or others' work, is wrong: a session that was opened while the server was read only stays so for
 * ever, and one whose statements were prepared before a migration keeps their plans. Nor when it failed again and again.
 */
function isFit(client: pg.ClientBase, error: unknown): boolean {
  const failures = (failuresInARow.get(client) ?? 0) + 1
  failuresInARow.set(client, failures)
  return failures < mostFailuresInARow && /^(22|23|40|54|55|57014|P0)/.test(sqlState(error) ?? '')
}

/** Runs `work` so that its failure undoes what it did and nothing else; the failure is thrown on. */
export async function savepoint<T>(tx: Tx, work: () => Promise<T>): Promise<T> {
  await tx.query('SAVEPOINT one')
  try {
    const result = await work()
    await tx.query('RELEASE SAVEPOINT one')
    return result
  } catch (error) {
    await tx.query('ROLLBACK TO SAVEPOINT one; RELEASE SAVEPOINT one')
    throw error
  }
}

/** What `work` gives, with nothing of it left. */
export async function rolledBack<T>(tx: Tx, work: () => Promise<T>): Promise<T> {
  await tx.query('SAVEPOINT tried')
  const result = await work()
  await tx.query('ROLLBACK TO SAVEPOINT tried; RELEASE SAVEPOINT tried')
  return result
}

// Prepared once a session: as part of the text that begins a transaction it cost twice as much.
const known = 'SELECT pg_current_xact_id()::text AS xid, pg_stat_get_bgwriter_stat_reset_time()::text AS run'
const knownWithLimit = `${known}, set_config('lock_timeout', $1, true)`

async function begin(client: pg.PoolClient, lockTimeoutMs: number | undefined): Promise<Begun> {
  const ask =
    lockTimeoutMs === undefined
      ? { name: 'begun', text: known }
      : { name: 'begun-with-limit', text: knownWithLimit, values: [Math.ceil(lockTimeoutMs)] }
  const [, { rows }] = await Promise.all([client.query('BEGIN'), client.query<Begun>(ask)])
  return { ...rows[0]!, identity: identityOf(client) }
}

/** Nothing overtakes: what waits for BEGIN keeps back all that comes after it, until the end. */
function behind(beginning: Promise<unknown>, client: pg.PoolClient): Tx {
  let early = true
  const query = (...statement: [string | pg.QueryConfig, unknown[]?]) => {
    const [text] = statement
    early &&= (typeof text === 'string' ? text : text.text).includes(ifBegun)
    const send = () => {
      inOnePacket(client)
      return client.query(...statement)
    }
    return early ? send() : beginning.then(send)
  }
  return { query: query as Tx['query'], identity: identityOf(client) }
}

/** What is sent from now on in this turn of the event loop: each packet would wake the server by itself. */
function inOnePacket(client: pg.PoolClient): void {
  const socket = socketOf(client)
  if (socket.writableCorked > 0) return
  socket.cork()
  process.nextTick(() => socket.uncork())
}

const socketOf = (client: pg.PoolClient) => (client as pg.PoolClient & Pick<pg.Client, 'connection'>).connection.stream

/** An ERROR answers the COMMIT: it failed. FATAL only says that the session ended, be it before or after the commit. */
const refused = (error: unknown) => sqlState(error) !== undefined && (error as pg.DatabaseError).severity === 'ERROR'
