// A pool of whose transactions a test sees, and may hold up, each statement before it is sent.
import type pg from 'pg'

export type Ask = (...args: unknown[]) => Promise<unknown>
/** A session of the server that somebody has taken from the pool. */
export interface Session {
  pid: number
  ask: Ask
}

/** `watch` gives what is called in the place of a session's `query`, from when it is taken until it is given back. */
export function watchedPool(real: pg.Pool, watch: (session: Session) => Ask): pg.Pool {
  const connect = async () => {
    const client = await real.connect()
    const { query, release } = client
    const ask = query.bind(client) as unknown as Ask
    client.query = watch({ pid: Reflect.get(client, 'processID'), ask }) as unknown as typeof query
    client.release = (error) => {
      Object.assign(client, { query, release })
      release.call(client, error)
    }
    return client
  }
  return new Proxy(real, {
    get: (target, name) => {
      if (name === 'connect') return connect
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
