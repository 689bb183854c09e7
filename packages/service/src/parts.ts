// What every service opens: its database, the registry, and the relay of its outbox.
import type { serviceConfig } from '@inorder/http/config.ts'
import type { Service } from '@inorder/http/service.ts'
import { SchemaRegistry } from '@inorder/messaging/kafka/registry.ts'
import { DatabaseRun, runIdentity } from '@inorder/messaging/outbox/database-run.ts'
import { Relay } from '@inorder/messaging/outbox/relay.ts'
import { openPool } from '@inorder/storage/pool.ts'
import type { Pool } from 'pg'
import type { Static, TObject } from 'typebox'

export type ServiceConfig = Static<TObject<ReturnType<typeof serviceConfig>>>

export interface Parts {
  url: string
  brokers: string[]
  /** This process among those of its service, `order-2`. */
  instance: string
  pool: Pool
  /** For what looks at everything that waits in a table, and takes long where that is much. */
  maintenance: Pool
  registry: SchemaRegistry
  relay: Relay
  /** Whether the sessions lead to the same database as before. */
  run: DatabaseRun
}

/** Opened here, closed at the service's end. `topics` are those that the service publishes to. */
export function openParts(
  { config, logger, metrics, onClose }: Service<ServiceConfig>,
  topics: readonly { name: string; partitions: number }[],
): Parts {
  const { DATABASE_URL: url, INSTANCE: instance } = config
  const brokers = config.KAFKA_BROKERS.split(',')
  const onIdleError = (error: Error) => logger.warn({ err: error }, 'a database session ended')
  // A frozen database is a 503 after 3 s; a frozen holder of a lock loses it after 2 s, so its followers may wait longer.
  const run = new DatabaseRun()
  const sessions = {
    url,
    identity: runIdentity,
    onSession: (identity: string | null) => run.met(identity),
    accepts: (identity: string) => run.accepts(identity),
    onIdleError,
  }
  const pool = openPool({ ...sessions, name: instance, max: 10, deadlineMs: 2_500 })
  onClose('database', () => pool.end())
  const maintenance = openPool({ ...sessions, name: `${instance} maintenance`, max: 2, deadlineMs: 60_000 })
  onClose('maintenance', () => maintenance.end())
  const registry = new SchemaRegistry({ url: config.SCHEMA_REGISTRY_URL, deadlineMs: 2_000 })
  const relay = new Relay({ pool, maintenance, url, brokers, registry, topics, instance, run, logger, metrics })
  onClose('relay', () => relay.close())
  return { url, brokers, instance, pool, maintenance, registry, relay, run }
}
