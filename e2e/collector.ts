// A collector of spans: what a stack that is started with `traced` exports is there to be looked at.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

export interface Span {
  service: string
  name: string
  traceId: string
  spanId: string
  parentSpanId?: string
  startTimeUnixNano: string
  endTimeUnixNano: string
}

interface Export {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] }
    scopeSpans: { spans: Omit<Span, 'service'>[] }[]
  }[]
}

export const spans: Span[] = []

function take({ resourceSpans }: Export): void {
  for (const { resource, scopeSpans } of resourceSpans) {
    const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? ''
    for (const scope of scopeSpans) spans.push(...scope.spans.map((span) => ({ service, ...span })))
  }
}

const server = createServer(async (request, response) => {
  if (request.url === '/v1/traces') take((await json(request)) as Export)
  response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
})
// It keeps no test process from ending.
server.listen(0, '127.0.0.1').unref()
const listening = once(server, 'listening')

/** Of the environment of a stack. Only the requests of which their caller says so are sampled. */
export async function traced() {
  // Not where this file is loaded: suites that import it would come behind those that do not.
  await listening
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    OTEL_TRACES_SAMPLER_ARG: '0',
    OTEL_BSP_SCHEDULE_DELAY: '500',
  }
}
