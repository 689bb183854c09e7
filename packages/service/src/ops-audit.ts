import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { answersOf } from '@inorder/http/answers.ts'
import { AuditEntry, type List } from '@inorder/messaging/outbox/ops.ts'
import { Type } from 'typebox'

type Audit = (query: { limit: number; after?: number }) => Promise<List<AuditEntry>>

const query = Type.Object(
  {
    limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
    after: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  { additionalProperties: false },
)

export function auditRoutes(audit: Audit): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/ops/audit',
      {
        schema: {
          summary: 'What operators did here, the newest first',
          tags: ['ops'],
          querystring: query,
          response: {
            200: Type.Object({
              items: Type.Array(AuditEntry),
              next: Type.Unsafe<string | null>({ type: ['string', 'null'] }),
            }),
            ...answersOf('invalid-request'),
          },
        },
      },
      ({ query }) => audit(query),
    )
  }
}
