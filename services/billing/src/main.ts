// The billing service: an invoice for each order, charged and refunded through the payment gateway, and the ledger of it.
import { bearerToken, bearerTokenOf } from '@inorder/service/call.ts'
import { runConsumer } from '@inorder/service/consumer.ts'
import { Type } from 'typebox'
import { billingHandler, paymentEffects } from './handlers.ts'
import { billingRoutes } from './routes.ts'

await runConsumer({
  name: 'billing',
  port: 3004,
  openapi: { title: 'Billing service', description: 'Invoices of orders, as read from Kafka, and their ledger.' },
  migrations: new URL('../migrations', import.meta.url),
  settings: {
    PAYMENT_URL: Type.String({ format: 'http://host, without a login', pattern: '[^/]$' }),
    PAYMENT_TOKEN: Type.Optional(bearerToken),
    EFFECT_KEEP_DAYS: Type.Integer({ minimum: 0, maximum: 36_500, default: 30 }),
  },
  build: ({ settings, pool, logger }) => ({
    handler: billingHandler,
    effects: paymentEffects(pool, settings.PAYMENT_URL, logger, bearerTokenOf('PAYMENT_TOKEN')),
    keepDays: settings.EFFECT_KEEP_DAYS,
    routes: () => billingRoutes(pool),
  }),
})
