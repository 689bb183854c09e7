import { processConfig } from '@inorder/http/config.ts'
import { type Static, Type } from 'typebox'

/** Of all instances, none with / at its end. */
const url = (port: number) =>
  Type.String({
    format: 'http://host,..., without a login',
    pattern: '^(?!.*/(,|$))',
    default: `http://127.0.0.1:${port}`,
  })

export const ConsoleConfig = Type.Object({
  ...processConfig('console', 3000),
  CART_URL: url(3001),
  ORDER_URL: url(3002),
  INVENTORY_URL: url(3003),
  BILLING_URL: url(3004),
  SHIPPING_URL: url(3005),
  /** For "poison one" of the pages, where they are on this machine. */
  KAFKA_BROKERS: Type.Optional(Type.String({ format: 'host:port,...' })),
  CONSOLE_SESSION_KEY: Type.Optional(Type.String({ minLength: 32 })),
})
export type ConsoleConfig = Static<typeof ConsoleConfig>
