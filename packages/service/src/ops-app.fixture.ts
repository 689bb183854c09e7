import { createApp } from '@inorder/http/app.ts'
import type { AuthConfig } from '@inorder/http/auth-config.ts'
import { pino } from 'pino'
import { Registry } from 'prom-client'

/** An app for the operator's routes, without any of them. */
export const opsApp = (auth: AuthConfig = {}) =>
  createApp({
    service: 'test',
    logger: pino({ level: 'silent' }),
    metrics: new Registry(),
    ready: async () => [],
    openapi: { title: 'Test', description: 'The operator’s routes.' },
    access: { HOST: '127.0.0.1', ...auth },
  })
