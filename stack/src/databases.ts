// One database a service, on the server that is there: ours, or the one that DATABASE_URL names.
import { clientOf } from '@inorder/storage/connection.ts'
import { databaseDenial } from '@inorder/storage/database-denied.ts'
import pg from 'pg'
import { StartFailure } from './failure.ts'

/** Somebody else has made it in the meantime. */
const duplicateDatabase = '42P04'

/** Whether the server takes connections. */
export async function isAccepting(url: string): Promise<boolean> {
  await onServer(url, async () => {})
  return true
}

/** Makes the databases that are missing: where none is, the role needs no right to make any. Sorted by byte (LOCALE C): ids come out the same on every machine. */
export async function makeDatabases(url: string, names: string[]): Promise<void> {
  try {
    await onServer(url, async (client) => {
      const { rows } = await client.query('SELECT datname FROM pg_database')
      const there = new Set(rows.map(({ datname }) => datname))
      for (const name of names.filter((name) => !there.has(name))) {
        try {
          await client.query(
            `CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`,
          )
        } catch (error) {
          if ((error as pg.DatabaseError).code !== duplicateDatabase) throw error
        }
      }
    })
  } catch (error) {
    const why = [databaseDenial(error), (error as Error).message].filter(Boolean).join(': ')
    throw new StartFailure(`the databases could not be made on ${new URL(url).host}: ${why}`)
  }
}

/** The same server, one service's database. */
export function databaseOf(url: string, name: string): string {
  const target = new URL(url)
  target.pathname = `/${name}`
  return target.href
}

export async function onServer<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const server = new URL(url)
  if (server.pathname.length < 2) server.pathname = '/postgres'
  const client = clientOf(server.href, { connectionTimeoutMillis: 5_000, query_timeout: 30_000 })
  // A server that ends between two queries says so here; the query that follows fails with the same.
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
