// What a service's database says of itself. It is only asked: nothing is written.
import type { Told } from '@inorder/messaging/kafka/cluster-facts.ts'
import { within } from '@inorder/messaging/kafka/deadline.ts'
import { clientOf } from '@inorder/storage/connection.ts'
import { assertMigrated, type Migrations, MigrationsMissing } from '@inorder/storage/migrate.ts'
import type pg from 'pg'
import { limitsOf, poolingOf } from './database-sessions.ts'

export interface DatabaseFacts {
  database: string
  role: string
  /** `postgres://role@host:port/database`: what is shown has no password. */
  url: string
  /** The same of the server itself, as it sees itself; null on a socket. */
  server: string | null
  version: string
  /** 180004 is 18.4. */
  versionNumber: number
  encoding: string
  isStandby: boolean
  settings: ReadonlyMap<string, { value: string; source: string }>
  /** -1: none. */
  connectionLimits: { database: number; role: number }
  /** Of this machine's clock, ahead (+) or behind, and how far that may be off. */
  clock: { offsetMs: number; errorMs: number }
  mayCreate: boolean
  /** `INSERT on outbox`: what the service does every day. */
  lacks: string[]
  /** For the upkeep of its outbox. */
  lacksForUpkeep: string[]
  /** `cart 2 to 3`. */
  migrations: Told<readonly string[]>
  pooling: Told<'sessions' | 'transactions'>
  /** Those of rule 8, as a session of the service has them. */
  limits: Told<ReadonlyMap<string, string>>
  /** What the outbox knows of the topics that the service publishes to. */
  lanes: { topic: string; partitions: number; relay: string }[]
  /** Ids of the topic that its positions are of. */
  topicIds: string[]
}

const settings = [
  'fsync',
  'full_page_writes',
  'synchronous_commit',
  'default_transaction_isolation',
  'default_transaction_read_only',
  'max_connections',
  'superuser_reserved_connections',
  'reserved_connections',
]

/** Rejects where the database does not let us in, or does not answer. */
export async function readDatabase(
  { url, migrations, topic }: { url: string; migrations: readonly Migrations[]; topic: string },
  deadlineMs: number,
): Promise<DatabaseFacts> {
  const client = clientOf(url, { connectionTimeoutMillis: deadlineMs, query_timeout: deadlineMs })
  // The query under way fails with the same.
  client.on('error', () => {})
  await client.connect()
  try {
    const said = await ownWords(client, topic, url)
    const told = <T>(what: string, answer: Promise<T>) =>
      within(deadlineMs, what, answer).catch((error: Error) => error)
    return {
      ...said,
      migrations: await told('the migrations', lackingMigrations(url, migrations)),
      pooling: await told('the sessions', poolingOf(url, deadlineMs)),
      limits: await told('the limits of a session', limitsOf(url)),
    }
  } finally {
    client.end().catch(() => {})
  }
}

async function ownWords(client: pg.Client, topic: string, url: string) {
  const rows = async <Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> =>
    (await client.query<Row>(sql, values)).rows
  const asked = Date.now()
  const [{ now }] = (await rows<{ now: number }>(
    `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`,
  )) as [{ now: number }]
  const answered = Date.now()
  const [self] = (await rows(
    `SELECT current_database() AS database, current_user AS role, current_setting('server_version') AS version,
       current_setting('server_version_num')::int AS "versionNumber", pg_encoding_to_char(d.encoding) AS encoding,
       pg_is_in_recovery() AS "isStandby", d.datconnlimit AS database_limit, r.rolconnlimit AS role_limit,
       has_schema_privilege(current_schema(), 'CREATE') AS "mayCreate",
       host(inet_server_addr()) AS address, inet_server_port() AS port
     FROM pg_database d, pg_roles r WHERE d.datname = current_database() AND r.rolname = current_user`,
  )) as [Self]
  const { database_limit, role_limit, address, port, ...rest } = self
  const shown = (where: string) => `postgres://${self.role}@${where}/${self.database}`
  const { host, port: ownPort } = client
  const found = await rows<{ name: string; value: string; source: string }>(
    `SELECT name, setting AS value, source FROM pg_settings WHERE name = ANY ($1)`,
    [settings],
  )
  return {
    ...rest,
    url: shown(host.startsWith('/') ? (URL.parse(url)?.host ?? '') : `${host}:${ownPort}`),
    server: address === null ? null : shown(`${address}:${port}`),
    settings: new Map(found.map(({ name, ...setting }) => [name, setting])),
    connectionLimits: { database: database_limit, role: role_limit },
    clock: { offsetMs: (asked + answered) / 2 - now, errorMs: (answered - asked) / 2 },
    ...(await rightsOf(rows)),
    ...(await positionsOf(rows, topic)),
  }
}

type Rows = <Row extends object>(sql: string, values?: unknown[]) => Promise<Row[]>
interface Self
  extends Pick<
    DatabaseFacts,
    'database' | 'role' | 'version' | 'versionNumber' | 'encoding' | 'isStandby' | 'mayCreate'
  > {
  database_limit: number
  role_limit: number
  address: string | null
  port: number | null
}

async function rightsOf(rows: Rows): Promise<Pick<DatabaseFacts, 'lacks' | 'lacksForUpkeep'>> {
  const lacks = await rows<{ lack: string }>(
    `SELECT privilege || ' on ' || relname AS lack
     FROM pg_class, unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) AS privilege
     WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND NOT has_table_privilege(oid, privilege)
     UNION ALL
     SELECT privilege || ' on ' || relname FROM pg_class, unnest('{USAGE,SELECT}'::text[]) AS privilege
     WHERE relnamespace = current_schema()::regnamespace AND relkind = 'S' AND NOT has_sequence_privilege(oid, privilege)`,
  )
  // Servers before 17 know no MAINTAIN: the owner alone vacuums.
  const upkeep = await rows<{ lack: string }>(
    `SELECT privilege || ' on outbox' AS lack
     FROM unnest(CASE WHEN current_setting('server_version_num')::int >= 170000
       THEN '{TRUNCATE,MAINTAIN}' ELSE '{TRUNCATE}' END::text[]) AS privilege
     WHERE to_regclass('outbox') IS NOT NULL AND NOT has_table_privilege(to_regclass('outbox'), privilege)`,
  )
  return { lacks: lacks.map(({ lack }) => lack), lacksForUpkeep: upkeep.map(({ lack }) => lack) }
}

async function positionsOf(rows: Rows, topic: string): Promise<Pick<DatabaseFacts, 'lanes' | 'topicIds'>> {
  const readable = async (table: string) =>
    (await rows(`SELECT FROM pg_class WHERE oid = to_regclass($1) AND has_table_privilege(oid, 'SELECT')`, [table]))
      .length > 0
  const lanes = (await readable('outbox_topic'))
    ? await rows<DatabaseFacts['lanes'][number]>('SELECT topic, partitions, relay FROM outbox_topic ORDER BY topic')
    : []
  const ids: { topic_id: string }[] = []
  // A consumer's, and the cart's.
  if (await readable('inbox_position'))
    ids.push(
      ...(await rows<{ topic_id: string }>('SELECT DISTINCT topic_id FROM inbox_position WHERE topic = $1', [topic])),
    )
  if (await readable('outbox_published'))
    ids.push(...(await rows<{ topic_id: string }>('SELECT DISTINCT topic_id FROM outbox_published')))
  return { lanes, topicIds: ids.map(({ topic_id }) => topic_id) }
}

async function lackingMigrations(url: string, migrations: readonly Migrations[]): Promise<readonly string[]> {
  try {
    await assertMigrated(url, migrations)
    return []
  } catch (error) {
    if (error instanceof MigrationsMissing) return error.lacking
    throw error
  }
}
