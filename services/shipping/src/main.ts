// The shipping service: quotes each order, gets a label from the carrier, and takes it back when the order is cancelled.
import { bearerToken, bearerTokenOf } from '@inorder/service/call.ts'
import { runConsumer } from '@inorder/service/consumer.ts'
import { Type } from 'typebox'
import { carrierEffects, shippingHandler } from './handlers.ts'
import { shippingRoutes } from './routes.ts'

await runConsumer({
  name: 'shipping',
  port: 3005,
  openapi: { title: 'Shipping service', description: 'Quotes, labels and shipments of orders, as read from Kafka.' },
  migrations: new URL('../migrations', import.meta.url),
  settings: {
    CARRIER_URL: Type.String({ format: 'http://host, without a login', pattern: '[^/]$' }),
    CARRIER_TOKEN: Type.Optional(bearerToken),
    CARRIER_PUBLIC_URL: Type.Optional(Type.String({ format: 'http://host, without a login', pattern: '[^/]$' })),
    SHIP_ON: Type.Enum(['shipped', 'confirmed'], { default: 'shipped' }),
    EFFECT_KEEP_DAYS: Type.Integer({ minimum: 0, maximum: 36_500, default: 30 }),
  },
  build: ({ settings, pool }) => ({
    handler: shippingHandler(settings.SHIP_ON),
    effects: carrierEffects(
      pool,
      settings.CARRIER_URL,
      settings.CARRIER_PUBLIC_URL ?? settings.CARRIER_URL,
      bearerTokenOf('CARRIER_TOKEN'),
    ),
    keepDays: settings.EFFECT_KEEP_DAYS,
    routes: () => shippingRoutes(pool),
  }),
})
