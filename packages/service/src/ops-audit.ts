import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { closed, inChapter, limit, pageOf } from '@inorder/http/schemas.ts'
import { AuditEntry, type List } from '@inorder/messaging/outbox/ops.ts'
import { Type } from 'typebox'

type Audit = (query: { limit: number; after?: number }) => Promise<List<AuditEntry>>

const querystring = closed({ limit, after: Type.Optional(Type.Integer({ minimum: 1 })) })

export function auditRoutes(audit: Audit): FastifyPluginAsyncTypebox {
  return async (app) => {
    inChapter(app, 'ops')
    const summary = 'What operators did here, the newest first'
    app.get('/ops/audit', { schema: { summary, querystring, response: { 200: pageOf(AuditEntry) } } }, ({ query }) =>
      audit(query),
    )
  }
}
