import { join } from 'node:path'
import type pg from 'pg'
import Postgrator from 'postgrator'
import { clientOf } from './connection.ts'

/** A folder of `001.do.what-it-makes.sql` files, and the name under which the database remembers which of them it has. */
export interface Migrations {
  path: string
  name: string
}

/** A migration that the database has is not the one in its file: somebody has to look, trying again does not help. */
export class MigrationChanged extends Error {
  override readonly name = 'MigrationChanged'
}

/** The database lacks migrations, and this process was told not to make them up. */
export class MigrationsMissing extends Error {
  override readonly name = 'MigrationsMissing'
  /** `cart 2 to 3`. */
  readonly lacking: readonly string[]
  constructor(lacking: readonly string[]) {
    super(
      `the database lacks migrations (${lacking.join(', ')}), and MIGRATE is off: npm run migrate -- <service>, as their owner`,
    )
    this.lacking = lacking
  }
}

const lock = 7_016_001
const deadlineMs = 60_000

/** Brings a database to the newest migration of each folder. Several instances may start at once: one at a time works. */
export function migrate(url: string, folders: readonly Migrations[]): Promise<void> {
  return withClient(url, async (client) => {
    await client.query(`SELECT pg_advisory_lock(${lock})`)
    const all = folders.map((folder) => migrationsIn(folder, client))
    // Before anything is changed, and also where the database is further than the files: there Postgrator compares nothing.
    for (const one of all) await one.validateMigrations(await one.getDatabaseVersion())
    for (const one of all) {
      // A transaction a folder: a migration that fails half-way leaves nothing.
      await client.query('BEGIN')
      await one.migrate()
      await client.query('COMMIT')
    }
  })
}

/** Changes nothing, and needs to own nothing. Throws MigrationsMissing where the database is older than a folder. */
export function assertMigrated(url: string, folders: readonly Migrations[]): Promise<void> {
  return withClient(url, async (client) => {
    const lacking: string[] = []
    for (const folder of folders) {
      const one = migrationsIn(folder, client)
      const version = await one.getDatabaseVersion()
      await one.validateMigrations(version)
      const wanted = await one.getMaxVersion()
      if (version < wanted) lacking.push(`${folder.name} ${version + 1} to ${wanted}`)
    }
    if (lacking.length > 0) throw new MigrationsMissing(lacking)
  })
}

async function withClient(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = clientOf(url, {
    application_name: 'migrate',
    connectionTimeoutMillis: 2_000,
    query_timeout: deadlineMs,
    // One that hangs in the middle must not keep the lock (rule 8).
    idle_in_transaction_session_timeout: deadlineMs,
    options: `-c idle_session_timeout=${deadlineMs}`,
  })
  // The query under way fails with the same error.
  client.on('error', () => client.end())
  await client.connect()
  try {
    await work(client)
  } catch (error) {
    const { message } = error as Error
    if (/checksum/i.test(message))
      throw new MigrationChanged(`another release made this database (${message})`, { cause: error })
    throw error
  } finally {
    await client.end()
  }
}

const migrationsIn = ({ path, name }: Migrations, client: pg.Client) =>
  new Postgrator({
    driver: 'pg',
    migrationPattern: join(path, '*.sql'),
    schemaTable: `migrations_${name}`,
    newline: 'LF',
    validateChecksums: false,
    execQuery: (sql) => client.query(sql),
  })
