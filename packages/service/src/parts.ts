// What every service opens: its database, the registry, and the relay of its outbox.
import type { serviceConfig } from '@inorder/http/config.ts'
import type { Service } from '@inorder/http/service.ts'
import { kafkaAccess } from '@inorder/messaging/kafka/access-settings.ts'
import { registryAccess } from '@inorder/messaging/kafka/registry-access.ts'
import { auditExpiry } from '@inorder/messaging/outbox/audit-expiry.ts'
import { type Outbox, openOutbox } from '@inorder/messaging/outbox/open-outbox.ts'
import type { PublishedTopic } from '@inorder/messaging/outbox/relay.ts'
import type { Static, TObject } from 'typebox'
import { inClearText } from './clear-text.ts'

export type ServiceConfig = Static<TObject<ReturnType<typeof serviceConfig>>>

/** Opened here, closed at the service's end. `topics` are those that the service publishes to. */
export function openParts(
  { config, logger, metrics, onClose }: Service<ServiceConfig>,
  topics: readonly PublishedTopic[],
): Outbox {
  const access = kafkaAccess(process.env)
  access.onDenied = (cause) =>
    logger.error({ alarm: 'kafka-denied', cause }, 'Kafka denies this service something; it is tried again every 10 s')
  for (const line of inClearText(config, process.env)) logger.warn(line)
  const outbox = openOutbox({
    url: config.DATABASE_URL,
    brokers: config.KAFKA_BROKERS.split(','),
    access,
    registryUrl: config.SCHEMA_REGISTRY_URL,
    registryAccess: registryAccess(process.env),
    migrations: config.MIGRATE,
    instance: config.INSTANCE,
    topics,
    logger,
    metrics,
  })
  const expiry = config.AUDIT_KEEP_DAYS === undefined ? undefined : auditExpiry(outbox, config.AUDIT_KEEP_DAYS)
  // One by one: each has its share of the time that is left.
  onClose('database', () => outbox.pool.end())
  onClose('maintenance', () => outbox.maintenance.end())
  onClose('relay', () => outbox.relay.close())
  if (!expiry) return outbox
  onClose('expiry of the audit', () => expiry.close())
  return {
    ...outbox,
    async start(...args) {
      await outbox.start(...args)
      expiry.start()
    },
  }
}
