// Traces by OpenTelemetry. Its SDK is loaded only where OTEL_EXPORTER_OTLP_ENDPOINT names who collects the spans.
import type * as Sdk from '@opentelemetry/sdk-trace-base'
import type { FastifyInstance, FastifyPluginCallback, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { isLoopback } from './loopback.ts'

interface TracingOptions {
  service: string
  instance: string
  config: { HOST: string; OTEL_TRACES_SAMPLER_ARG?: string }
  logger: Logger
}

/** What says nothing of an order. */
const untraced = /^\/(health|metrics|docs|openapi|asyncapi|problems)/

let plugin: FastifyPluginCallback | undefined

/** Before the app is made. Gives what ends it, and sends what was not sent yet. */
export async function startTracing({
  service,
  instance,
  config,
  logger,
}: TracingOptions): Promise<() => Promise<void>> {
  const [api, sdk, asyncHooks, core, resources, otlp, { FastifyOtelInstrumentation }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/core'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@fastify/otel'),
  ])
  const quiet = () => {}
  const error = (cause: string) =>
    logger.warn({ cause }, 'spans were not collected, and are lost: look at the collector')
  api.diag.setLogger({ error, warn: quiet, info: quiet, debug: quiet, verbose: quiet }, api.DiagLogLevel.ERROR)
  api.context.setGlobalContextManager(new asyncHooks.AsyncLocalStorageContextManager().enable())
  api.propagation.setGlobalPropagator(new core.W3CTraceContextPropagator())

  const provider = new sdk.BasicTracerProvider({
    resource: resources.resourceFromAttributes({
      'service.namespace': 'inorder',
      'service.name': service,
      'service.instance.id': instance,
    }),
    sampler: samplerOf(sdk, config),
    spanProcessors: [new sdk.BatchSpanProcessor(new otlp.OTLPTraceExporter())],
  })
  api.trace.setGlobalTracerProvider(provider)

  const instrumentation = new FastifyOtelInstrumentation({
    instrumentHooks: false,
    ignorePaths: ({ url }) => untraced.test(url),
    // Its own name tells of plugins.
    lifecycleHook: (span, { hookName }) => span.updateName(hookName),
    requestHook: (span, { method, routeOptions, id }) => {
      span.updateName(routeOptions.url ? `${method} ${routeOptions.url}` : method)
      span.setAttribute('inorder.request_id', id)
    },
  })
  instrumentation.setTracerProvider(provider)
  plugin = instrumentation.plugin()
  return () => provider.shutdown()
}

/**
 * A share of all traces. Of a caller's trace the caller has decided; but not off loopback, where anybody may call: neither
 * by its flag nor by its id, by which the SDK's own sampler of a share decides.
 */
export function samplerOf(sdk: typeof Sdk, { HOST, OTEL_TRACES_SAMPLER_ARG }: TracingOptions['config']): Sdk.Sampler {
  const share = Number(OTEL_TRACES_SAMPLER_ARG ?? 1)
  const root = new sdk.TraceIdRatioBasedSampler(share)
  const { RECORD_AND_SAMPLED, NOT_RECORD } = sdk.SamplingDecision
  const byChance: Sdk.Sampler = {
    shouldSample: () => ({ decision: Math.random() < share ? RECORD_AND_SAMPLED : NOT_RECORD }),
    toString: () => `ByChance{${share}}`,
  }
  const ofCallers = isLoopback(HOST) ? {} : { remoteParentSampled: byChance, remoteParentNotSampled: byChance }
  return new sdk.ParentBasedSampler({ root, ...ofCallers })
}

/** Before anything else is registered: it has to see each route. */
export async function registerTracing(app: FastifyInstance): Promise<void> {
  if (plugin) await app.register(plugin)
}

export const traceIdOf = (request: FastifyRequest): string | undefined =>
  plugin && request.opentelemetry().span?.spanContext().traceId
