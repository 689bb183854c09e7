// The one Fastify app of every service: what all of them answer alike stands here, their own routes are added as plugins.
import { Server as TlsServer } from 'node:tls'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { type FastifyBaseLogger, LogController } from 'fastify'
import { collectDefaultMetrics, type Registry } from 'prom-client'
import { type Access, checkAccess } from './access.ts'
import { answerHeaders } from './answer-headers.ts'
import { type AuthConfig, asksWhoCalls } from './auth-config.ts'
import { authenticate } from './authentication.ts'
import { buildInfo } from './build-info.ts'
import { Connections } from './connections.ts'
import { docs } from './docs.ts'
import { answerError } from './errors.ts'
import { health, shared } from './health.ts'
import { assertPlainUtf8, parseJson } from './json-body.ts'
import { otherMethods } from './methods.ts'
import { overloadMetric, refuseOverload } from './overload.ts'
import { problemPages } from './problem-pages.ts'
import { parseQuery } from './query.ts'
import { limitRates } from './rate-limit.ts'
import { requestIdOf } from './request-id.ts'
import { requestMetrics } from './request-metrics.ts'
import { closed } from './schemas.ts'
import { renewTls, tlsFilesOf, tlsOf } from './tls.ts'
import { registerTracing } from './tracing.ts'
import { validatorCompiler } from './validation.ts'

const bodyLimit = 256 * 1024

interface AppOptions {
  /** `cart`, `order`, ... */
  service: string
  logger: FastifyBaseLogger
  metrics: Registry
  /** Names of the parts without which the service cannot do its work; none: it is ready. */
  ready(): Promise<string[]>
  /** Aborted by the signal that ends the service, which listens for another DRAIN_MS. */
  stopping?: AbortSignal
  openapi: { title: string; description: string }
  /** The service's settings that say where it listens, and for whom. */
  access: Access & AuthConfig
}

export async function createApp({ logger, metrics, ready, stopping, openapi, access }: AppOptions) {
  const tlsFiles = tlsFilesOf(access)
  const tls = tlsFiles && (await tlsOf(tlsFiles))
  // Node would answer a missing Host with a 400 of its own, which is no problem+json.
  const http = { headersTimeout: 5_000, connectionsCheckingInterval: 1_000, requireHostHeader: false }
  // Its type is that of HTTP: what is behind it does not see the difference.
  const transport = (tls ? { https: { ...http, ...tls, handshakeTimeout: 5_000 } } : { http }) as { http: typeof http }
  const app = fastify({
    loggerInstance: logger,
    // A line, or a logger, for each request would set the pace; errors are logged where they are seen.
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (parent) => parent,
    bodyLimit,
    genReqId: requestIdOf,
    // A slow sender holds a socket, nothing else, and not for ever.
    requestTimeout: 15_000,
    ...transport,
    // Only of these what X-Forwarded-For and -Proto say is believed.
    trustProxy: access.TRUST_PROXY?.split(',') ?? false,
    // An id of 128 characters is longer as %-escapes; what is too long is for the schema to say.
    routerOptions: { maxParamLength: 16_384, querystringParser: parseQuery },
    // Requests that still arrive while the app closes are answered as ever; Fastify's own 503 is no problem+json.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => answerError(error, request, reply),
    clientErrorHandler: (error, socket) => connections.broken(error, socket),
  }).withTypeProvider<TypeBoxTypeProvider>()
  const refused = overloadMetric(metrics)
  const connections = new Connections(app.server, {
    most: access.MAX_CONNECTIONS ?? Number.POSITIVE_INFINITY,
    onRefused: () => refused.inc({ cause: 'connections' }),
  })
  if (tlsFiles && tls && app.server instanceof TlsServer) {
    const stopRenewing = renewTls(app.server, tlsFiles, tls, logger)
    app.addHook('onClose', async () => stopRenewing())
  }
  await registerTracing(app)

  app.setValidatorCompiler(validatorCompiler)
  app.setErrorHandler(answerError)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    assertPlainUtf8(request.headers)
    // Many clients name the type of a body that they do not send. Whether one may be left out is for the schema to say.
    done(null, body.length === 0 ? undefined : parseJson(body))
  })
  stopping?.addEventListener('abort', () => connections.drain(), { once: true })
  app.addHook('preClose', async () => connections.stop())
  await refuseOverload(app, bodyLimit, refused)
  await answerHeaders(app)
  checkAccess(app, access)
  app.addHook('onRoute', ({ schema }) => {
    // Who writes `?limt=5` is told, also where there is nothing to ask for.
    if (schema && !schema.hide) schema.querystring ??= closed({})
  })
  otherMethods(app)
  if (access.RATE_LIMIT) await limitRates(app, access.RATE_LIMIT)
  await authenticate(app, access, logger)
  collectDefaultMetrics({ register: metrics })
  buildInfo(metrics)
  const requestTimes = requestMetrics(app)
  await app.register(docs, { ...openapi, asksWhoCalls: asksWhoCalls(access) })
  const missing = shared(ready)
  await app.register(health, {
    ready: async () => (connections.stopping ? ['stopping'] : missing()),
    metrics: shared(async () => `${await metrics.metrics()}\n${requestTimes()}`),
  })
  await app.register(problemPages)
  return app
}
