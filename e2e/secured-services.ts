// Services as processes, each with a user of its own in Kafka and a role of its own in PostgreSQL, as deploy/ has them.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { passwordOf, type SecuredKafka } from '@inorder/messaging/kafka/secured-kafka.fixture.ts'
import type { SecuredRegistry } from '@inorder/messaging/kafka/secured-registry.fixture.ts'
import { clientOf } from '@inorder/storage/connection.ts'
import { serverUrl, unique } from '@inorder/testing/parts.ts'
import { type ServiceProcess, startService } from '@inorder/testing/service-process.ts'
import pg from 'pg'

const root = fileURLToPath(new URL('../', import.meta.url))

type Environment = Record<string, string>

/** What every service is told, but for its login. */
export const commonSettings = (kafka: SecuredKafka, registry: SecuredRegistry): Environment => ({
  ...registry.settings,
  KAFKA_BROKERS: kafka.secured,
  KAFKA_TLS: 'on',
  KAFKA_TLS_CA_FILE: kafka.certificates.ca,
  KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
})

export const loginOf = (user: string): Environment => ({
  KAFKA_SASL_USERNAME: user,
  KAFKA_SASL_PASSWORD: passwordOf(user),
})

/** Runs a script of the repository to its end. */
export const script = (path: string, args: string[], env: Environment) =>
  promisify(execFile)(process.execPath, [join(root, path), ...args], { env: { PATH: process.env.PATH, ...env } })

/** With `env` alone; PGSSLMODE and the like may be in it. */
export const startSecured = (service: string, env: Environment): Promise<ServiceProcess> =>
  startService(new URL(`../services/${service}/src/main.ts`, import.meta.url), { MIGRATE: 'off', ...env })

export interface OwnDatabase {
  /** As the role of the service, which owns nothing. */
  url: string
  /** As the owner. */
  migrate(): Promise<void>
  drop(): Promise<void>
}

/** A service's database and roles, as deploy/postgres makes them. With the CA of the server they log in over TLS, by a password. */
export async function makeDatabase(service: string, ca?: string): Promise<OwnDatabase> {
  const database = unique(service).replaceAll('-', '_')
  const names = { database, owner: `${database}_owner`, role: `${database}_role` }
  const urlOf = (user = 'postgres') => {
    const url = new URL(serverUrl())
    url.username = user
    url.pathname = `/${database}`
    if (ca === undefined || user === 'postgres') return url.href
    url.hostname = 'localhost'
    url.password = passwordOf(user)
    url.search = String(new URLSearchParams({ sslmode: 'verify-full', sslrootcert: ca }))
    return url.href
  }
  const psql = async (file: string, url: string) => {
    const sql = readFileSync(join(root, 'deploy/postgres', file), 'utf8')
      .replaceAll(/^--.*$/gm, '')
      .replaceAll(/:"(\w+)"/g, (_, name: keyof typeof names) => pg.escapeIdentifier(names[name]))
    const [first = '', second = ''] = sql.split(/^\\connect .*$/m)
    await runSql(url, first)
    await runSql(urlOf(), second)
  }
  await psql('roles.sql', serverUrl())
  if (ca !== undefined)
    for (const role of [names.owner, names.role])
      await runSql(serverUrl(), `ALTER ROLE ${role} PASSWORD '${passwordOf(role)}'`)
  return {
    url: urlOf(names.role),
    async migrate() {
      await script('stack/src/migrate.ts', [service], { DATABASE_URL: urlOf(names.owner) })
      await psql('upkeep.sql', urlOf(names.owner))
    },
    drop: async () =>
      void (await runSql(
        serverUrl(),
        `DROP DATABASE ${database} WITH (FORCE); DROP ROLE ${names.owner}; DROP ROLE ${names.role}`,
      )),
  }
}

/** One statement after the other; the rows of the last. */
export async function runSql(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = clientOf(url, {})
  await client.connect()
  try {
    let rows: Record<string, unknown>[] = []
    for (const statement of sql.split(';').filter((text) => text.trim())) rows = (await client.query(statement)).rows
    return rows
  } finally {
    await client.end()
  }
}
