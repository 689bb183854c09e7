// A service that reads the order events: what it does with them is its own, everything around that is here.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { createApp } from '@inorder/http/app.ts'
import { serviceConfig } from '@inorder/http/config.ts'
import { runService, type Service } from '@inorder/http/service.ts'
import { EffectRunner } from '@inorder/messaging/effects/runner.ts'
import type { EffectKind } from '@inorder/messaging/inbox/effect.ts'
import type { Handler } from '@inorder/messaging/inbox/handler.ts'
import { type Applied, Inbox } from '@inorder/messaging/inbox/inbox.ts'
import { copiesOf } from '@inorder/messaging/inbox/parked-copies.ts'
import { isolatingRefusals } from '@inorder/messaging/kafka/refused-schemas.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import { type Static, type TObject, type TProperties, Type } from 'typebox'
import { orDatabaseUnavailable } from './database-unavailable.ts'
import { migrationsOf } from './migrations.ts'
import { opsRoutes } from './ops.ts'
import { setAsideOrders, setAsideRoutes } from './ops-set-aside.ts'
import { openParts, type ServiceConfig } from './parts.ts'
import { Startup } from './startup.ts'

interface Surroundings<Settings> {
  /** The service's own settings. */
  settings: Settings
  pool: Pool
  logger: Logger
  onClose: Service<unknown>['onClose']
}

interface Consumer<State> {
  handler: Handler<State, OrderEvent>
  /** Who does the slow effects that `handler.apply` returns. */
  effects?: Readonly<Record<string, EffectKind>>
  /** For so many days those that are done are shown. */
  keepDays?: number
  /** Once the tables are there, before the first event is applied. */
  start?(): void
  /** After each commit, with the events it applied, in their order. Must not throw. */
  onApplied?(applied: readonly Applied<State, OrderEvent>[]): void
  /** What the service answers besides /ops and what all services do. */
  routes(inbox: Inbox<State, OrderEvent>): FastifyPluginAsyncTypebox
}

/** For a process that always comes back under the same name, which no other has: Kafka then knows it again at once. */
const groupConfig = { GROUP_INSTANCE_ID: Type.Optional(Type.String({ pattern: '^\\S{1,128}$' })) }

/** Runs a consumer of the order events, in the group of its name, until a signal ends it. */
export function runConsumer<State, Settings extends TProperties = Record<never, never>>(options: {
  name: string
  port: number
  openapi: { title: string; description: string }
  /** Folder of the service's own migrations, beside which come those of inbox, outbox and effects. */
  migrations: URL
  /** Environment variables of its own. */
  settings?: Settings
  build(surroundings: Surroundings<Static<TObject<Settings>>>): Consumer<State>
}): Promise<void> {
  const { name, port, openapi, migrations, build } = options
  return runService({
    name,
    schema: Type.Object({ ...serviceConfig(name, port), ...groupConfig, ...(options.settings ?? {}) }),
    async start(service) {
      const { logger, metrics, stopping, onClose } = service
      const config = service.config as ServiceConfig & Static<TObject<typeof groupConfig>> & Static<TObject<Settings>>
      const parts = openParts({ ...service, config }, [copiesOf(orderEvents)])
      const { pool, registry } = parts
      const consumer = build({ settings: config, pool, logger, onClose })

      const { effects: kinds, keepDays } = consumer
      const effects = kinds && new EffectRunner({ ...parts, kinds, ...(keepDays !== undefined && { keepDays }) })
      if (effects) onClose('effects', () => effects.close())
      const inbox = new Inbox(orderEvents, consumer.handler, {
        ...parts,
        registry: isolatingRefusals(registry, orderEvents.subject),
        group: name,
        groupInstanceId: config.GROUP_INSTANCE_ID,
        onApplied: (applied) => {
          consumer.onApplied?.(applied)
          effects?.wake()
        },
      })
      onClose('inbox', () => inbox.close())

      const startup = new Startup({
        pool,
        logger,
        access: parts.access,
        async prepare() {
          await parts.start(migrationsOf(name, migrations))
          consumer.start?.()
          inbox.start()
          effects?.start()
        },
        contacts: () => ({
          kafka: inbox.ready,
          registry: () => registry.idOf(orderEvents.subject, orderEvents.value.schema),
        }),
      })
      const ready = async () => [...new Set([...(await startup.missing()), ...inbox.missing()])]
      const app = await createApp({ service: name, logger, metrics, ready, stopping, openapi, access: config })
      await app.register(async (scope) => {
        scope.setErrorHandler(orDatabaseUnavailable)
        await scope.register(consumer.routes(inbox))
        await scope.register(opsRoutes(inbox.ops, effects?.ops, Object.keys(kinds ?? {})))
        await scope.register(setAsideRoutes(setAsideOrders(parts)))
      })
      onClose('http', () => app.close())
      await app.listen({ host: config.HOST, port: config.PORT })
      await startup.run(stopping)
    },
  })
}
