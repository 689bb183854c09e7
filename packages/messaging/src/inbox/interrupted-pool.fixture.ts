// A pool in whose transactions something happens at a statement of one's choice: the session is ended there, or another
// transaction runs in between as far as the locks let it. No sleeps, so that a run can be repeated.
import type pg from 'pg'
import { type Ask, type Session, watchedPool } from './watched-pool.fixture.ts'

type Interruption = (session: Session) => Promise<void>

export class InterruptedPool {
  readonly pool: pg.Pool
  readonly #real: pg.Pool
  #pids: number[] = []
  #statements = 0
  #interruption: { at: number; what: Interruption } | undefined

  constructor(real: pg.Pool) {
    this.#real = real
    this.pool = watchedPool(real, (session) => this.#interrupted(session))
  }

  /** The session that sends the n-th statement from now on, counted over transactions, is ended before it. */
  killAt(at: number): void {
    this.#set(at, async ({ pid }) => {
      await this.#real.query('SELECT pg_terminate_backend($1, 5000)', [pid])
    })
  }

  /** Does `first`, and before its n-th statement begins `second`, which goes on until it is done or waits for a lock. */
  async meet<One, Other>(
    at: number,
    first: () => Promise<One>,
    second: () => Promise<Other>,
  ): Promise<readonly [One, Other]> {
    let other: Promise<Other> | undefined
    const begin = async () => {
      this.#pids = []
      let done = false
      const settled = () => {
        done = true
      }
      other = second()
      other.then(settled, settled)
      while (!done && !(await this.#isWaiting()));
    }
    this.#set(at, async ({ ask }) => {
      // Its limit is 2 s, which the other may need on a slow day. A transaction that has failed takes no setting.
      await ask('SET LOCAL idle_in_transaction_session_timeout = 0').catch(() => {})
      await begin()
    })
    const one = await first()
    this.#interruption = undefined
    if (!other) await begin() // the first had fewer statements
    return [one, await other!]
  }

  /** Whether what was to happen has happened; if not, it will not. */
  wasInterrupted(): boolean {
    const was = this.#interruption === undefined
    this.#interruption = undefined
    return was
  }

  #set(at: number, what: Interruption): void {
    this.#statements = 0
    this.#interruption = { at, what }
  }

  async #isWaiting(): Promise<boolean> {
    const { rows } = await this.#real.query(
      'SELECT FROM unnest($1::int[]) AS s (pid) WHERE cardinality(pg_blocking_pids(pid)) > 0',
      [this.#pids],
    )
    return rows.length > 0
  }

  #interrupted(session: Session): Ask {
    this.#pids.push(session.pid)
    // Statements that do not wait for each other's answers still go out in their sequence.
    let sent: Promise<unknown> = Promise.resolve()
    return async (...args) => {
      const next = this.#interruption
      const isNext = next && this.#statements++ === next.at
      if (isNext) this.#interruption = undefined
      const sending = sent.then(async () => {
        if (isNext) await next.what(session)
        return { answer: session.ask(...args) }
      })
      sent = sending.catch(() => {})
      return (await sending).answer
    }
  }
}
