// A process that cannot keep up says so: 503 `overloaded`, before the request's body is read. It cannot where its event loop
// is late, or where a route says that what it would begin has too much before it. (Too many connections: connections.ts.)
import underPressure from '@fastify/under-pressure'
import { Problem } from '@inorder/contracts/problems.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Counter, type Registry } from 'prom-client'
import { requestIdHeader } from './request-id.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether what this route begins would wait for too long. Asked at each request. */
    isBehind?: () => boolean
  }
}

/** How late the event loop may be, on the average of an interval. docs/decisions/overload.md has the figures. */
const maxEventLoopDelay = 300
const sampleInterval = 500
/** It is overload once it lasts: a start among busy neighbours makes some intervals late too. */
const lastsMs = 1_000
/** A loop that was in time for so long is late anew. Longer than a turn of a late one. */
const forgottenMs = 3_000

const overloaded = new Problem('overloaded', 'The service has more to do than it can take. Nothing was done.')

/** Of a route that is answered under any load. */
export const alwaysAnswered = { pressureHandler: () => {}, rateLimit: false } as const

type Cause = 'event-loop' | 'queue' | 'connections'

export function overloadMetric(metrics: Registry): Counter<'cause'> {
  const refused = new Counter({
    name: 'inorder_http_overloaded_total',
    help: 'Requests that were refused before they were read, because of a late event loop, a queue, or too many connections',
    labelNames: ['cause'],
    registers: [metrics],
  })
  for (const cause of ['event-loop', 'queue', 'connections'] satisfies Cause[]) refused.inc({ cause }, 0)
  return refused
}

/** To be called before anything else that looks at a request. */
export async function refuseOverload(
  app: FastifyInstance,
  bodyLimit: number,
  refused: Counter<'cause'>,
): Promise<void> {
  let since = 0
  let seen = Number.NEGATIVE_INFINITY

  function lasts(): boolean {
    const now = performance.now()
    if (now - seen > forgottenMs) since = now
    seen = now
    return now - since > lastsMs
  }

  /** Kept as cheap as it can be: what refusals cost is missing where it is needed. So one write, past Fastify's reply. */
  function refuse(cause: Cause, request: FastifyRequest, reply: FastifyReply): void {
    refused.inc({ cause })
    const { headers, id, url } = request
    // Node reads a small body and throws it away; a large one is read as for any early answer (read-on.ts).
    if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > bodyLimit)
      throw overloaded
    const text = JSON.stringify(overloaded.body(url.split('?', 1)[0] ?? url, id))
    reply.hijack()
    reply.raw
      .writeHead(503, {
        ...overloaded.headers,
        [requestIdHeader]: id,
        'content-type': 'application/problem+json',
        'content-length': Buffer.byteLength(text),
      })
      .end(text)
  }
  await app.register(underPressure, {
    maxEventLoopDelay,
    sampleInterval,
    pressureHandler: (request, reply) => {
      if (lasts()) refuse('event-loop', request, reply)
    },
  })
  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.isBehind?.()) refuse('queue', request, reply)
    else done()
  })
}
