// The real parts an integration test talks to. The test runner starts them once on free ports
// and names them in the environment; a test makes its own database and topics in them.
import { randomUUID } from 'node:crypto'
import pg from 'pg'

function part(variable: string): string {
  const value = process.env[variable]
  if (!value) throw new Error(`${variable} is not set: run the tests through "npm test", which starts the real parts`)
  return value
}

/** PostgreSQL server, as a URL whose role may create databases. */
export const serverUrl = (): string => part('TEST_DATABASE_URL')
/** Kafka bootstrap brokers, `host:port,host:port`. */
export const brokers = (): string => part('TEST_KAFKA_BROKERS')
/** Confluent API of the schema registry. */
export const registryUrl = (): string => part('TEST_SCHEMA_REGISTRY_URL')

/** A name no other test uses: `prefix-1a2b3c4d`. */
export const unique = (prefix: string): string => `${prefix}-${randomUUID().slice(0, 8)}`

/** An empty database of its own; `drop` ends the sessions that are still in it. */
export async function freshDatabase(prefix = 'test'): Promise<{ url: string; drop: () => Promise<void> }> {
  const name = unique(prefix).replaceAll('-', '_')
  const onServer = async (sql: string) => {
    const client = new pg.Client({ connectionString: serverUrl() })
    await client.connect()
    try {
      await client.query(sql)
    } finally {
      await client.end()
    }
  }
  await onServer(`CREATE DATABASE ${name}`)
  const url = new URL(serverUrl())
  url.pathname = `/${name}`
  return { url: url.href, drop: () => onServer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) }
}
