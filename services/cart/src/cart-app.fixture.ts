// The cart's routes over a relay that a test moves by hand.
import { createApp } from '@inorder/http/app.ts'
import type { AuthConfig } from '@inorder/http/auth-config.ts'
import type pg from 'pg'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { cartRoutes } from './routes.ts'
import type { Writes } from './writes.ts'

export const logger = pino({ level: 'silent' })

export async function cartApp(writes: Writes, pool: pg.Pool, auth: AuthConfig = {}, isLocal = true) {
  const app = await createApp({
    service: 'cart',
    logger,
    metrics: new Registry(),
    ready: async () => [],
    openapi: { title: 'Cart', description: '' },
    access: { HOST: '127.0.0.1', ...auth },
  })
  const now = () => new Date('2026-11-23T14:20:19.000Z')
  const random = () => 0.5
  await app.register(cartRoutes({ writes, pool, instance: 'cart', lifecycle: 'free', isLocal, now, random }))
  return app
}
