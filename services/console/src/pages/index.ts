import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Services } from '../services.ts'

export interface PagesOptions {
  services: Services
}

/** The pages of the console. */
export const pages: FastifyPluginAsyncTypebox<PagesOptions> = async (app) => {
  app.get('/', { schema: { hide: true } }, async (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .send('<!doctype html><html lang="en"><title>inorder</title><h1>inorder</h1>'),
  )
}
