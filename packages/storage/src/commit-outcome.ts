import type pg from 'pg'
import { identityOf } from './pool.ts'
import { retry } from './retry.ts'
import { sqlState } from './sqlstate.ts'

/** Neither "stored" nor "not stored" can be said. The honest answer to a client is none. */
export class CommitUnknown extends Error {
  override name = 'CommitUnknown'
}

/** Of a pool. */
export type Sessions = Pick<pg.Pool, 'connect'>

export interface Begun {
  xid: string
  /** Names the server's run since its last crash. */
  run: string
  /** The database that it was begun in; undefined: not known. */
  identity?: string | undefined
}

const deadlineMs = 5_000
const backoff = { firstMs: 50, longestMs: 200 }
const inTheFuture = '22023'

/**
 * Rule 4: what became of a transaction whose COMMIT was sent and not answered. Throws CommitUnknown at the deadline.
 *
 * A server that crashes gives transaction ids away again which had not reached its disk: seen was a lost insert whose id
 * `pg_xact_status` then called "committed", because the next transaction had got the same one. So "committed" counts only
 * if the server has not crashed since; its statistics are dropped at a crash (not at a clean restart), which dates that.
 * And another database may have taken the place of the one that it was begun in: what that one stored is not in this one,
 * though on the same server the id is known all the same.
 */
export async function outcomeOf(pool: Sessions, { xid, run, identity }: Begun): Promise<'committed' | 'aborted'> {
  const outcome = async () => {
    const found = await ask(pool, xid, identity)
    if (found.status === 'aborted') return 'aborted'
    if (found.status !== 'committed') throw new Error(`transaction ${xid} is ${found.status ?? 'too old to ask for'}`)
    if (found.run === run) return 'committed'
    throw new CommitUnknown(`the server crashed at the commit of transaction ${xid}, whose id it may have used again`)
  }
  try {
    const onFailure = (error: unknown) => {
      if (error instanceof CommitUnknown || sqlState(error) === inTheFuture) throw error
    }
    return await retry(outcome, { ...backoff, deadlineMs, onFailure })
  } catch (error) {
    if (error instanceof CommitUnknown) throw error
    if (sqlState(error) === inTheFuture) return 'aborted'
    throw new CommitUnknown(`no answer about the commit of transaction ${xid} within ${deadlineMs} ms`, {
      cause: error,
    })
  }
}

async function ask(pool: Sessions, xid: string, identity: string | undefined) {
  const client = await pool.connect()
  let failure: Error | undefined
  // A session that dies says so here as well; the question then fails.
  const onError = () => {}
  client.on('error', onError)
  try {
    const here = identityOf(client)
    if (identity !== undefined && here !== undefined && here !== identity)
      throw new CommitUnknown(`another database has taken the place of the one that transaction ${xid} was begun in`)
    const { rows } = await client.query<{ status: string; run: string }>(
      'SELECT pg_xact_status($1::xid8) AS status, pg_stat_get_bgwriter_stat_reset_time()::text AS run',
      [xid],
    )
    return rows[0]!
  } catch (error) {
    failure = error as Error
    throw error
  } finally {
    client.off('error', onError)
    client.release(failure)
  }
}
