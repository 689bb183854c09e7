// What stands on every answer: its request's id, and what browsers and caches may do with it.
import helmet from '@fastify/helmet'
import type { FastifyInstance } from 'fastify'
import { requestIdHeader } from './request-id.ts'

/**
 * What says something of an answer that is no page; the rest of helmet is about documents, and each header costs every
 * request. The page at /docs has a policy of its own.
 */
const security = {
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
  // Over TLS alone, below.
  strictTransportSecurity: false,
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  referrerPolicy: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  // `frame-ancestors` says it.
  xFrameOptions: false,
  xPermittedCrossDomainPolicies: false,
  xPoweredBy: false,
  xXssProtection: false,
} as const

/** To be called before any other hook that answers, so that its answers have them too. */
export async function answerHeaders(app: FastifyInstance): Promise<void> {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header(requestIdHeader, request.id).header('cache-control', 'no-store')
    if (request.protocol === 'https') reply.header('strict-transport-security', 'max-age=31536000')
    done()
  })
  await app.register(helmet, security)
}
