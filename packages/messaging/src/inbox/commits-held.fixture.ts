// A pool whose transactions stand at their COMMIT until they are let go.
import type pg from 'pg'

type Ask = (...args: unknown[]) => Promise<unknown>

export class CommitsHeld {
  readonly pool: pg.Pool
  readonly #real: pg.Pool
  #at = Promise.withResolvers<void>()
  #go = Promise.withResolvers<void>()
  #ended = false
  /** The process of the session that stands at its COMMIT. */
  pid: number | undefined

  constructor(real: pg.Pool) {
    this.#real = real
    this.pool = new Proxy(real, {
      get: (target, name) => {
        if (name === 'connect') return () => this.#connect()
        const value = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
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

  async #connect(): Promise<pg.PoolClient> {
    const client = await this.#real.connect()
    const { query, release } = client
    const ask = query.bind(client) as unknown as Ask
    const held: Ask = async (...args) => {
      if (args[0] === 'COMMIT' && !this.#ended) {
        const go = this.#go.promise
        // Its limit is 2 s, which a history may need on a slow day.
        await ask('SET LOCAL idle_in_transaction_session_timeout = 0')
        this.pid = Reflect.get(client, 'processID')
        this.#at.resolve()
        await go
        this.pid = undefined
      }
      return ask(...args)
    }
    client.query = held as unknown as typeof query
    client.release = (error) => {
      Object.assign(client, { query, release })
      release.call(client, error)
    }
    return client
  }
}
