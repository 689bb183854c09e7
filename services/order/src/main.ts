// The order service: reads every change of every order, and answers what it knows of them.
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { createApp } from '@inorder/http/app.ts'
import { serviceConfig } from '@inorder/http/config.ts'
import { opsRoutes } from '@inorder/http/ops.ts'
import { runService } from '@inorder/http/service.ts'
import { consume } from '@inorder/messaging/inbox/inbox.ts'
import { Relay } from '@inorder/messaging/outbox/relay.ts'
import { SchemaRegistry } from '@inorder/messaging/registry.ts'
import { Startup } from '@inorder/messaging/startup.ts'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { Type } from 'typebox'
import { orDatabaseAway } from './database-away.ts'
import { handled, orderHandler } from './handlers.ts'
import { migrations } from './migrations.ts'
import { orderRoutes } from './routes.ts'
import { versionsOf } from './store.ts'
import { VersionWaits } from './version-waits.ts'

await runService({
  name: 'order',
  schema: Type.Object(serviceConfig('order', 3002)),
  async start({ config, logger, metrics, stopping, onClose }) {
    const instance = config.INSTANCE
    const url = config.DATABASE_URL
    const brokers = config.KAFKA_BROKERS.split(',')
    const pool = openPool({
      url,
      name: instance,
      max: 10,
      deadlineMs: 2_500,
      onIdleError: (error) => logger.warn({ err: error }, 'a database session ended'),
    })
    onClose('database', () => pool.end())

    const registry = new SchemaRegistry({ url: config.SCHEMA_REGISTRY_URL, deadlineMs: 2_000 })
    // What it publishes are copies of records that it could not apply.
    const topics = [{ name: orderEvents.parkedName, partitions: orderEvents.partitions }]
    const relay = new Relay({ pool, url, brokers, registry, topics, instance, logger, metrics })
    onClose('relay', () => relay.close())

    const waits = new VersionWaits({
      versionsOf: (orderIds) => versionsOf(pool, orderIds),
      onPollFailed: (error) => logger.debug({ err: error }, 'cannot ask for the versions that are waited for'),
    })
    const inbox = consume(orderEvents, orderHandler, {
      pool,
      brokers,
      registry,
      group: 'order',
      instance,
      logger,
      metrics,
      onApplied: handled(logger, waits),
      onCopies: () => relay.wake(),
    })
    onClose('inbox', () => inbox.close())

    const startup = new Startup({
      pool,
      logger,
      async prepare() {
        await migrate(url, migrations)
        await relay.start()
        inbox.start()
      },
      contacts: () => ({
        kafka: inbox.ready,
        registry: registry.idOf(orderEvents.subject, orderEvents.value.schema),
      }),
    })
    const app = await createApp({
      service: 'order',
      logger,
      metrics,
      ready: () => startup.missing(),
      openapi: { title: 'Order service', description: 'Orders with their shipping cost, as read from Kafka.' },
    })
    await app.register(async (scope) => {
      scope.setErrorHandler(orDatabaseAway)
      await scope.register(orderRoutes({ pool, logger, waits, topic: orderEvents.name, inbox }))
      await scope.register(opsRoutes(inbox))
    })
    onClose('http', () => app.close())
    onClose('waits', async () => waits.close())
    await app.listen({ host: config.HOST, port: config.PORT })
    await startup.run(stopping)
  },
})
