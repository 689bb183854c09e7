// The console: what all services know of an order, and pages to see it and act on it. It keeps nothing.
import { createApp } from '@inorder/http/app.ts'
import { asksWhoCalls } from '@inorder/http/auth-config.ts'
import { runService } from '@inorder/http/service.ts'
import { ConsoleConfig } from './config.ts'
import { pagePolicy } from './page-policy.ts'
import { pages } from './pages/index.ts'
import { localPoisoner } from './pages/poison.ts'
import { servicesOf } from './services.ts'
import { Sessions } from './session.ts'
import { showCredential, signIn } from './sign-in.ts'
import { timelineRoutes } from './timeline.ts'

await runService({
  name: 'console',
  schema: ConsoleConfig,
  async start({ config, logger, metrics, stopping, onClose }) {
    const services = servicesOf(config)
    const app = await createApp({
      service: 'console',
      logger,
      metrics,
      // It works without any of the services, and says which of them do not answer.
      ready: async () => [],
      stopping,
      openapi: {
        title: 'Console',
        description: 'What all services know of an order, and why it stands where it does.',
      },
      access: { ...config, checksOrigins: true },
    })
    const sessions = asksWhoCalls(config) ? new Sessions(config.CONSOLE_SESSION_KEY) : undefined
    if (sessions) showCredential(app, sessions)
    await app.register(timelineRoutes(services))
    await app.register(async (scope) => {
      scope.addHook('onRequest', pagePolicy)
      if (sessions) await signIn(scope, sessions)
      const poisoner = sessions ? undefined : localPoisoner(config.KAFKA_BROKERS)
      await scope.register(pages, { services, poisoner, sessions, stopping })
    })
    onClose('http', () => app.close())
    await app.listen({ host: config.HOST, port: config.PORT })
  },
})
