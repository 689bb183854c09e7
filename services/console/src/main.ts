// The console: what all services know of an order, and pages to see it and act on it. It keeps nothing.
import { createApp } from '@inorder/http/app.ts'
import { runService } from '@inorder/http/service.ts'
import { ConsoleConfig } from './config.ts'
import { pagePolicy } from './page-policy.ts'
import { pages } from './pages/index.ts'
import { servicesOf } from './services.ts'

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
      access: config,
    })
    await app.register(async (scope) => {
      scope.addHook('onRequest', pagePolicy)
      await scope.register(pages, { services })
    })
    onClose('http', () => app.close())
    await app.listen({ host: config.HOST, port: config.PORT })
  },
})
