import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Problem } from '@inorder/contracts/problems.ts'
import { Type } from 'typebox'
import { answersOf, plainText } from './answers.ts'
import { alwaysAnswered } from './overload.ts'
import { inChapter } from './schemas.ts'

/**
 * Looks again only when the last look is over; who asks meanwhile has its answer. These calls are anybody's, under any
 * load, and whatever RATE_LIMIT says: a thousand of them at once must cost no more than one.
 */
export function shared<T>(look: () => Promise<T>): () => Promise<T> {
  let looking: Promise<T> | undefined
  return () => {
    looking ??= look().finally(() => {
      looking = undefined
    })
    return looking
  }
}

const status = Type.Literal('ok')
const isAlive = Type.Object({ status }, { title: 'Alive' })
const isReady = Type.Object({ status, missing: Type.Array(Type.String()) }, { title: 'Ready' })

export const health: FastifyPluginAsyncTypebox<{ ready(): Promise<string[]>; metrics(): Promise<string> }> = async (
  app,
  { ready, metrics },
) => {
  inChapter(app, 'service')
  app.get(
    '/health/live',
    {
      config: alwaysAnswered,
      schema: { operationId: 'getLive', summary: 'The process answers', response: { 200: isAlive } },
    },
    async () => ({ status: 'ok' as const }),
  )

  app.get(
    '/health/ready',
    {
      config: alwaysAnswered,
      schema: {
        operationId: 'getReady',
        summary: 'The service can do its work',
        response: { 200: isReady, ...answersOf('not-ready') },
      },
    },
    async () => {
      const missing = await ready()
      if (missing.length > 0)
        throw new Problem('not-ready', `Missing: ${missing.join(', ')}.`, { members: { missing } })
      return { status: 'ok' as const, missing }
    },
  )

  app.get(
    '/metrics',
    {
      config: alwaysAnswered,
      schema: {
        operationId: 'getMetrics',
        summary: 'For Prometheus',
        response: { 200: plainText },
        querystring: Type.Object({}),
      },
    },
    async (_request, reply) => reply.type('text/plain; version=0.0.4; charset=utf-8').send(await metrics()),
  )
}
