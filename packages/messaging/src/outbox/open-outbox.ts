import { assertMigrated, type Migrations, migrate } from '@inorder/storage/migrate.ts'
import { assertSessionPooling, openPool } from '@inorder/storage/pool.ts'
import { type Sessions, type Tx, transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import { type Logger, pino } from 'pino'
import { type Registry, register } from 'prom-client'
import type { KafkaAccess } from '../kafka/access.ts'
import { SchemaRegistry } from '../kafka/registry.ts'
import type { RegistryAccess } from '../kafka/registry-access.ts'
import { activeTraceparent } from '../kafka/spans.ts'
import type { Topic } from '../kafka/topic.ts'
import { DatabaseRun, runIdentity } from './database-run.ts'
import type { ComparedLog } from './log-recovery.ts'
import { addToOutbox, outboxRecord } from './outbox.ts'
import { type PublishedTopic, Relay } from './relay.ts'

export interface OutboxOptions {
  /** `postgres://user:password@host:port/database`: the service's own database. */
  url: string
  brokers: string[]
  /** `kafkaAccess(process.env)`. Default: plain text, and nobody is asked who they are. */
  access?: KafkaAccess | undefined
  /** The Confluent API of the schema registry, with its path. */
  registryUrl: string
  /** `registryAccess(process.env)`. Default: nobody is asked who they are. */
  registryAccess?: RegistryAccess | undefined
  /** `off`: `start` changes no table, and fails with MigrationsMissing where one is missing. Default: `start`. */
  migrations?: 'start' | 'off' | undefined
  /** This process among those of its service, `cart-2`. Two that run at once must not share it. */
  instance: string
  /** What it publishes. */
  topics: readonly PublishedTopic[]
  /** Default: pino's, to standard output. */
  logger?: Logger
  /** Default: prom-client's global registry. */
  metrics?: Registry
}

/** What a service has open for its events. Everything else of this package takes it as its options: `{ ...outbox, ... }`. */
export interface Outbox extends Pick<OutboxOptions, 'url' | 'brokers' | 'access' | 'instance'> {
  pool: Pool
  /** For what looks at everything that waits in a table, and takes long where that is much. */
  maintenance: Pool
  registry: SchemaRegistry
  relay: Relay
  /** Whether the sessions lead to the same database as before. */
  run: DatabaseRun
  logger: Logger
  metrics: Registry
  /**
   * Brings the database to its newest migrations, and begins to publish. `log`: what is compared with the database each
   * time before this instance does; `transaction` then fails with NotCompared until it was. Throws SharedSessions where `url` leads to a proxy that pools transactions.
   */
  start(migrations: readonly Migrations[], log?: ComparedLog): Promise<void>
  /** `work` in one transaction; what it added is published right after. Throws CommitUnknown where it may be stored or not. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** Adds events in the transaction of the change that they tell of, once its row is locked: their order is then that of the changes. */
  add<Event>(tx: Tx, topic: Topic<Event>, ...events: Event[]): Promise<void>
  /** After what uses it is closed. */
  close(): Promise<void>
}

/** Opens the database, the registry and the relay of a service. Nothing is asked of them before `start`. */
export function openOutbox(options: OutboxOptions): Outbox {
  const { url, brokers, access, registryUrl, instance, topics } = options
  const { logger = pino({ base: { instance } }), metrics = register } = options
  // A frozen database is a 503 after 3 s; a frozen holder of a lock loses it after 2 s, so its followers may wait longer.
  const run = new DatabaseRun()
  const sessions = {
    url,
    identity: runIdentity,
    onSession: (identity: string | null) => run.met(identity),
    accepts: (identity: string) => run.accepts(identity),
    onIdleError: (error: Error) =>
      logger.warn({ err: error }, 'a session of the database ended: the next statement opens another'),
  }
  const pool = openPool({ ...sessions, name: instance, max: 10, deadlineMs: 2_500 })
  const maintenance = openPool({ ...sessions, name: `${instance} maintenance`, max: 2, deadlineMs: 60_000 })
  const registry = new SchemaRegistry({ url: registryUrl, deadlineMs: 2_000, access: options.registryAccess })
  const relay = new Relay({ pool, maintenance, url, brokers, access, registry, topics, instance, run, logger, metrics })
  let writable: Sessions = pool
  return {
    ...{ url, brokers, access, instance, pool, maintenance, registry, relay, run, logger, metrics },
    async start(migrations, log) {
      if (log) writable = run.compareFirst(pool)
      await assertSessionPooling(pool)
      await (options.migrations === 'off' ? assertMigrated : migrate)(url, migrations)
      await relay.start(log)
    },
    async transaction(work) {
      const result = await transaction(writable, work)
      relay.wake()
      return result
    },
    async add(tx, topic, ...events) {
      const source = { origin: instance, traceparent: activeTraceparent() }
      await addToOutbox(
        tx,
        events.map((event) => outboxRecord(topic, event, source)),
      )
    },
    async close() {
      await relay.close()
      await maintenance.end()
      await pool.end()
    },
  }
}
