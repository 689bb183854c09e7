// Redrives of many orders, which go on by themselves: begun, looked at, cancelled, continued.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Problem } from '@inorder/contracts/problems.ts'
import { answersOf, withHeaders } from '@inorder/http/answers.ts'
import { operatorOf } from '@inorder/http/operator.ts'
import { closed, limit, pageOf, text } from '@inorder/http/schemas.ts'
import type { JobOps } from '@inorder/messaging/inbox/jobs.ts'
import { Job } from '@inorder/messaging/inbox/ops.ts'
import { Type } from 'typebox'
import { cause, done, dryRun, opsRoute } from './ops-route.ts'

const params = closed({ id: Type.String({ pattern: '^[0-9]{1,15}$', examples: ['1'] }) })
const querystring = closed({
  limit,
  after: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
})
const body = closed(
  {
    type: Type.Enum(['redrive']),
    filter: Type.Object(
      {
        cause: Type.Optional(cause),
        // What garbage has written may stand in a detail, but for NUL, which the database does not hold.
        detail: Type.Optional(Type.String({ maxLength: 1000, pattern: '^[^\\u0000]*$' })),
        keys: Type.Optional(Type.Array(text(512), { minItems: 1, maxItems: 10_000 })),
      },
      { additionalProperties: false, description: 'Orders for which all of this holds; {}: all that are held up' },
    ),
    dryRun,
    canary: Type.Optional(
      Type.Boolean({ description: '1 order, then 10, 100, ...: each step only if none before has failed' }),
    ),
    ratePerSecond: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    stopAfterFailures: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000_000 })),
  },
  { title: 'NewJob', examples: [{ type: 'redrive', filter: { cause: 'apply-failed' }, canary: true, dryRun: true }] },
)

const found = <Answer>(id: string, answer: Answer | undefined): Answer => {
  if (answer === undefined) throw new Problem('job-not-found', `There is no job ${id} here.`)
  return answer
}

export function jobRoutes(jobs: JobOps): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/ops/jobs',
      {
        schema: {
          operationId: 'createJob',
          summary: 'Try all orders again that are held up, in the background',
          tags: ['ops'],
          body,
          response: { 202: withHeaders(Job, 'Location'), ...answersOf('job-running') },
        },
      },
      async (request, reply) => {
        const { type: _, ...asked } = request.body
        const job = done(await jobs.add({ ...asked, operator: operatorOf(request) }))
        return reply.code(202).header('location', `/ops/jobs/${job.id}`).send(job)
      },
    )

    app.get('/ops/jobs', opsRoute('listJobs', 'Jobs, the newest first', { querystring }, pageOf(Job)), ({ query }) =>
      jobs.list(query),
    )

    app.get(
      '/ops/jobs/:id',
      opsRoute('getJob', 'How far a job is', { params }, Job, 'job-not-found'),
      async ({ params: { id } }) => found(id, await jobs.of(Number(id))),
    )

    app.post(
      '/ops/jobs/:id/cancel',
      opsRoute('cancelJob', 'Begin with no further order', { params }, Job, 'job-not-found'),
      async (request) => {
        const { id } = request.params
        return found(id, await jobs.cancel(Number(id), operatorOf(request)))
      },
    )

    app.post(
      '/ops/jobs/:id/continue',
      opsRoute(
        'continueJob',
        'Go on with the orders that were not tried',
        { params },
        Job,
        'job-not-found',
        'job-running',
      ),
      async (request) => {
        const { id } = request.params
        return done(found(id, await jobs.continue(Number(id), operatorOf(request))))
      },
    )
  }
}
