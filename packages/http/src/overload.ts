// A process that cannot keep up says so: 503 `overloaded`, before the request's body is read.
import underPressure from '@fastify/under-pressure'
import { Problem } from '@inorder/contracts/problems.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { requestIdHeader } from './request-id.ts'

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

/** To be called before anything else that looks at a request. */
export async function refuseOverload(app: FastifyInstance, bodyLimit: number): Promise<void> {
  let since = 0
  let seen = Number.NEGATIVE_INFINITY

  function lasts(): boolean {
    const now = performance.now()
    if (now - seen > forgottenMs) since = now
    seen = now
    return now - since > lastsMs
  }

  /** Kept as cheap as it can be: what refusals cost is missing where it is needed. */
  function refuse(request: FastifyRequest, reply: FastifyReply): undefined {
    if (!lasts()) return undefined
    const { headers, id, url } = request
    // Node reads a small body and throws it away; a large one is read as for any early answer (read-on.ts).
    if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > bodyLimit)
      throw overloaded
    reply.code(503).header(requestIdHeader, id).headers(overloaded.headers).type('application/problem+json')
    const body = Buffer.from(JSON.stringify(overloaded.body(url.split('?', 1)[0] ?? url, id)))
    // The plugin sends what it is given; its types do not say so.
    return body as never
  }
  await app.register(underPressure, { maxEventLoopDelay, sampleInterval, pressureHandler: refuse })
}
