// A pool whose transactions stand at their COMMIT until they are let go.
import type pg from 'pg'
import { type Ask, type Session, watchedPool } from './watched-pool.fixture.ts'

export class CommitsHeld {
  readonly pool: pg.Pool
  #at = Promise.withResolvers<void>()
  #go = Promise.withResolvers<void>()
  #ended = false
  /** The process of the session that stands at its COMMIT. */
  pid: number | undefined

  constructor(real: pg.Pool) {
    this.pool = watchedPool(real, (session) => this.#held(session))
  }

  isAtCommit(): Promise<void> {
    return this.#at.promise
  }

  letGo(): void {
    this.#go.resolve()
    this.#at = Promise.withResolvers()
    this.#go = Promise.withResolvers()
  }

  /** Nothing is held any more. */
  end(): void {
    this.#ended = true
    this.#go.resolve()
  }

  #held({ pid, ask }: Session): Ask {
    return async (...args) => {
      if (args[0] === 'COMMIT' && !this.#ended) {
        const go = this.#go.promise
        // Its limit is 2 s, which a history may need on a slow day.
        await ask('SET LOCAL idle_in_transaction_session_timeout = 0')
        this.pid = pid
        this.#at.resolve()
        await go
        this.pid = undefined
      }
      return ask(...args)
    }
  }
}
