// The cart service: takes orders and their changes, and publishes each change.
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { createApp } from '@inorder/http/app.ts'
import { serviceConfig } from '@inorder/http/config.ts'
import { runService } from '@inorder/http/service.ts'
import { Relay } from '@inorder/messaging/outbox/relay.ts'
import { rememberSchema } from '@inorder/messaging/outbox/schemas.ts'
import { SchemaRegistry } from '@inorder/messaging/registry.ts'
import { Startup } from '@inorder/messaging/startup.ts'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { Type } from 'typebox'
import { forgetOldKeys } from './idempotency.ts'
import { migrations } from './migrations.ts'
import { cartRoutes } from './routes.ts'
import { Writes } from './writes.ts'

const schema = Type.Object({
  ...serviceConfig('cart', 3001),
  DELIVERY: Type.Enum(['lenient', 'strict'], { default: 'lenient' }),
})

await runService({
  name: 'cart',
  schema,
  async start({ config, logger, metrics, stopping, onClose }) {
    const instance = config.INSTANCE
    const url = config.DATABASE_URL
    const pool = openPool({
      url,
      name: instance,
      max: 10,
      // A frozen database is a 503 after 3 s; a frozen holder of a lock loses it after 2 s, so its followers may wait longer.
      deadlineMs: 2_500,
      onIdleError: (error) => logger.warn({ err: error }, 'a database session ended'),
    })
    onClose('database', () => pool.end())

    const registry = new SchemaRegistry({ url: config.SCHEMA_REGISTRY_URL, deadlineMs: 2_000 })
    const brokers = config.KAFKA_BROKERS.split(',')
    const relay = new Relay({ pool, url, brokers, registry, topics: [orderEvents], instance, logger, metrics })
    onClose('relay', () => relay.close())
    const { subject, value } = orderEvents
    const startup = new Startup({
      pool,
      logger,
      async prepare() {
        await migrate(url, migrations)
        await rememberSchema(pool, value.fingerprint, subject, value.schema)
        await relay.start()
      },
      contacts: () => ({ kafka: relay.contact, registry: registry.idOf(subject, value.schema) }),
    })

    const app = await createApp({
      service: 'cart',
      logger,
      metrics,
      ready: () => startup.missing(),
      openapi: { title: 'Cart service', description: 'Takes orders and their changes, and publishes each change.' },
    })
    await app.register(
      cartRoutes({
        writes: new Writes({ pool, relay, logger }),
        pool,
        delivery: relay.delivery,
        instance,
        strict: config.DELIVERY === 'strict',
        now: () => new Date(),
        random: Math.random,
      }),
    )
    onClose('http', () => app.close())
    await app.listen({ host: config.HOST, port: config.PORT })

    await startup.run(stopping)
    const forgetting = setInterval(
      () => forgetOldKeys(pool).catch((error) => logger.warn({ err: error }, 'cannot forget old idempotency keys')),
      600_000,
    )
    onClose('expiry of keys', async () => clearInterval(forgetting))
  },
})
