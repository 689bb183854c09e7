import type { FastifyInstance } from 'fastify'

const everyMs = 50

/**
 * While the app closes, a connection ends when its answer is sent. Node closes only those that are idle at that moment;
 * one with a request in flight would be kept for the next request, and hold up the end for 72 s.
 */
export function endKeepAlive(app: Pick<FastifyInstance, 'addHook' | 'server'>): void {
  app.addHook('preClose', async () => {
    const sweep = setInterval(() => app.server.closeIdleConnections(), everyMs)
    app.server.once('close', () => clearInterval(sweep))
  })
}
