import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import { sqlState } from './sqlstate.ts'

/** Neither "stored" nor "not stored" can be said. The honest answer to a client is none. */
export class CommitUnknown extends Error {
  override name = 'CommitUnknown'
}

export interface Begun {
  xid: string
  /** Names the server's run since its last crash. */
  run: string
}

const deadlineMs = 5_000
const inTheFuture = '22023'

/**
 * Rule 4: what became of a transaction whose COMMIT was sent and not answered. Throws CommitUnknown at the deadline.
 *
 * A server that crashes gives transaction ids away again which had not reached its disk: seen was a lost insert whose id
 * `pg_xact_status` then called "committed", because the next transaction had got the same one. So "committed" counts only
 * if the server has not crashed since; its statistics are dropped at a crash (not at a clean restart), which dates that.
 */
export async function outcomeOf(pool: pg.Pool, { xid, run }: Begun): Promise<'committed' | 'aborted'> {
  const end = performance.now() + deadlineMs
  let last: unknown
  while (performance.now() < end) {
    try {
      const { rows } = await pool.query<{ status: string; run: string }>(
        'SELECT pg_xact_status($1::xid8) AS status, pg_stat_get_bgwriter_stat_reset_time()::text AS run',
        [xid],
      )
      const found = rows[0]!
      if (found.status === 'aborted') return 'aborted'
      if (found.status === 'committed') {
        if (found.run === run) return 'committed'
        throw new CommitUnknown(
          `the server crashed at the commit of transaction ${xid}, whose id it may have used again`,
        )
      }
      last = new Error(`transaction ${xid} is ${found.status ?? 'too old to ask for'}`)
    } catch (error) {
      if (error instanceof CommitUnknown) throw error
      if (sqlState(error) === inTheFuture) return 'aborted'
      last = error
    }
    await pause(50)
  }
  throw new CommitUnknown(`no answer about the commit of transaction ${xid} within ${deadlineMs} ms`, { cause: last })
}
