// Rule 12: which database this process has compared with the log, and whether its sessions still lead to that one.
import { databaseIdentity, identityOf } from '@inorder/storage/pool.ts'
import type { Sessions, Tx } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'

/** As storage names a database, and besides whose tables: a restored dump has made them anew. NULL before they are made. */
export const runIdentity = `(${databaseIdentity}) || '/' || to_regclass('outbox_run')::oid`

/** The database is not, or not any more, the one that was compared with the log: nothing is written to it yet. */
export class NotCompared extends Error {
  override readonly name = 'NotCompared'
}

/** Of a pool: transactions, and questions. */
export type ComparedSessions = Sessions & Tx

/** What an old database's sends that were under way may take to come into the log: as long as a send may take. */
const underWayMs = 3_000

export class DatabaseRun {
  /** Where the newest session leads to. */
  #newest: string | undefined
  #compared: string | undefined
  #swapped = false
  #complete = 0
  readonly #listeners = new Set<() => void>()

  /** The database that was compared with the log; undefined: none, and nothing may be written. */
  get compared(): string | undefined {
    return this.#compared
  }

  /** Another database has taken the place of the one that was compared, and the log was not read since. */
  get swapped(): boolean {
    return this.#swapped
  }

  /** When everything that was sent from a database before this one is in the log (`performance.now()`). */
  get complete(): number {
    return this.#complete
  }

  /** Called when another database takes the place of the one that was compared, before anything is asked of it. */
  onSwapped(listener: () => void): void {
    this.#listeners.add(listener)
  }

  /** A new session leads there. Null: to a standby, or to what has no tables yet. */
  met(identity: string | null): void {
    if (identity === null) return
    this.#newest = identity
    if (this.#compared === undefined || this.#compared === identity) return
    this.#compared = undefined
    this.#swapped = true
    this.#complete = performance.now() + underWayMs
    for (const listener of this.#listeners) listener()
  }

  /** Sessions that lead elsewhere than the newest one are not used any more. */
  accepts(identity: string): boolean {
    return this.#newest === undefined || this.#newest === identity
  }

  /** Looks where a session leads that lives on: its tables may be made anew under it. */
  async look(session: Tx): Promise<void> {
    const { rows } = await session.query<{ identity: string | null }>(`SELECT (${runIdentity}) AS identity`)
    this.met(rows[0]!.identity)
  }

  /** This database was compared with the log. */
  compare(identity: string): void {
    // Another one has come meanwhile.
    if (!this.accepts(identity)) return
    this.#compared = identity
    this.#swapped = false
  }

  /** Throws NotCompared unless a session leads to this database. */
  assertLeadsTo(identity: string | undefined, leadsTo: string | undefined): void {
    if (identity === undefined || leadsTo !== identity)
      throw new NotCompared('another database may have taken the place of the one that was compared with the log')
  }

  /** The pool, whose transactions are in the database that was compared, and in no other: else they fail with NotCompared. */
  compareFirst(pool: Pool): ComparedSessions {
    const connect = async () => {
      const client = await pool.connect()
      try {
        this.assertLeadsTo(this.#compared, identityOf(client))
        return client
      } catch (error) {
        client.release(error as Error)
        throw error
      }
    }
    return { connect, query: pool.query.bind(pool) } as ComparedSessions
  }
}
