import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Services } from '../services.ts'
import type { timelineOf } from '../timeline.ts'

export interface PagesOptions {
  services: Services
  timelineOf: typeof timelineOf
  /** Whether callers are asked who they are. */
  asksWhoCalls: boolean
  /** Aborted when the console stops. */
  stopping: AbortSignal
}

/** The pages of the console. */
export const pages: FastifyPluginAsyncTypebox<PagesOptions> = async (app) => {
  app.get('/', { schema: { hide: true } }, async (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .send('<!doctype html><html lang="en"><title>inorder</title><h1>inorder</h1>'),
  )
}
