// The cart service: takes orders and their changes, and publishes each change.
import { exampleEvent } from '@inorder/contracts/example-event.ts'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { createApp } from '@inorder/http/app.ts'
import { serviceConfig } from '@inorder/http/config.ts'
import { isLoopback } from '@inorder/http/loopback.ts'
import { runService } from '@inorder/http/service.ts'
import { expiry } from '@inorder/messaging/outbox/expiry.ts'
import { LogRecovery } from '@inorder/messaging/outbox/log-recovery.ts'
import { asyncApi } from '@inorder/service/asyncapi.ts'
import { asyncApiRoutes } from '@inorder/service/asyncapi-routes.ts'
import { orDatabaseUnavailable } from '@inorder/service/database-unavailable.ts'
import { groupCommitMetrics } from '@inorder/service/group-commit-metrics.ts'
import { auditRoutes } from '@inorder/service/ops-audit.ts'
import { setAsideOrders, setAsideRoutes } from '@inorder/service/ops-set-aside.ts'
import { openParts } from '@inorder/service/parts.ts'
import { Startup } from '@inorder/service/startup.ts'
import { Type } from 'typebox'
import { logNotRead } from './answers.ts'
import { forgetOldKeys } from './idempotency.ts'
import { migrations } from './migrations.ts'
import { cartOpsRoutes } from './ops-routes.ts'
import { recoveredOrders } from './recovery.ts'
import { cartRoutes } from './routes.ts'
import { Writes } from './writes.ts'

const schema = Type.Object({
  ...serviceConfig('cart', 3001),
  DELIVERY: Type.Enum(['lenient', 'strict'], { default: 'lenient' }),
  ORDER_LIFECYCLE: Type.Enum(['free', 'strict'], { default: 'free' }),
})

await runService({
  name: 'cart',
  schema,
  async start(service) {
    const { config, logger, metrics, stopping, onClose } = service
    const parts = openParts(service, [orderEvents])
    const { instance, pool, maintenance, registry, relay, run } = parts
    const { subject, value } = orderEvents
    const log = new LogRecovery({ ...parts, topic: orderEvents, table: recoveredOrders })
    onClose('log', () => log.close())
    const startup = new Startup({
      pool,
      logger,
      access: parts.access,
      prepare: () => parts.start(migrations, log),
      contacts: () => ({ kafka: relay.contact, registry: () => registry.idOf(subject, value.schema) }),
    })

    const app = await createApp({
      service: 'cart',
      logger,
      metrics,
      ready: async () => [...(await startup.missing()), ...(log.settled ? [] : ['log'])],
      stopping,
      openapi: {
        title: 'Cart service',
        description: 'Takes orders and their changes, and publishes [each change](/asyncapi).',
      },
      access: config,
    })
    const writes = new Writes({
      ...{ pool: run.compareFirst(pool), run, relay, logger },
      strict: config.DELIVERY === 'strict',
      onGroup: (size) => groups.observe(size),
    })
    const groups = groupCommitMetrics(metrics, () => writes.queued)
    const routes = cartRoutes({
      writes,
      pool,
      instance,
      lifecycle: config.ORDER_LIFECYCLE,
      isLocal: isLoopback(config.HOST),
      now: () => new Date(),
      random: Math.random,
    })
    await app.register(async (scope) => {
      scope.addHook('preHandler', async ({ method }) => {
        if (method !== 'GET' && !log.settled) throw logNotRead()
      })
      await scope.register(routes)
      await scope.register(cartOpsRoutes({ pool, evidence: log.evidence }))
    })
    await app.register(asyncApiRoutes(asyncApi(orderEvents, exampleEvent)))
    const setAside = setAsideOrders(parts)
    await app.register(async (scope) => {
      scope.setErrorHandler(orDatabaseUnavailable)
      await scope.register(setAsideRoutes(setAside))
      await scope.register(auditRoutes((query) => setAside.audit(query)))
    })
    onClose('http', () => app.close())
    await app.listen({ host: config.HOST, port: config.PORT })

    await startup.run(stopping)
    await log.settle(stopping)
    const forgetting = expiry(logger, 'idempotency keys of more than 24 h', async () => {
      await forgetOldKeys(maintenance)
      return false
    })
    forgetting.start()
    onClose('expiry of keys', () => forgetting.close())
  },
})
