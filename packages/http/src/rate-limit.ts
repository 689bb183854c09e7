import rateLimit from '@fastify/rate-limit'
import { Problem } from '@inorder/contracts/problems.ts'
import type { FastifyInstance } from 'fastify'

/** So many requests a second of one address. Requests to no route are not counted. */
export async function limitRates(app: FastifyInstance, perSecond: number): Promise<void> {
  await app.register(rateLimit, {
    max: perSecond,
    timeWindow: 1_000,
    enableDraftSpec: true,
    // It sets Retry-After itself.
    errorResponseBuilder: () =>
      new Problem('rate-limited', `More than ${perSecond} requests a second. Nothing was done.`),
  })
}
