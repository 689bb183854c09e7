import type { Socket } from 'node:net'
import type pg from 'pg'

/**
 * Counts, from now on, the round trips of a pool's sessions: what they write without having read anything in between is one.
 * It is seen at the socket itself, so nothing that waits for an answer can share a trip with what was answered.
 */
export function roundTrips(pool: pg.Pool): { count: number } {
  const trips = { count: 0 }
  const watched = new WeakSet<pg.PoolClient>()
  pool.on('acquire', (client) => {
    if (watched.has(client)) return
    watched.add(client)
    const { stream } = (client as pg.PoolClient & { connection: { stream: Socket } }).connection
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean
    let answered = true
    stream.prependListener('data', () => {
      answered = true
    })
    stream.write = (...args: unknown[]) => {
      if (answered) trips.count++
      answered = false
      return write(...args)
    }
  })
  return trips
}
