import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { closed, limit, pageOf } from '@inorder/http/schemas.ts'
import { AuditEntry, type List } from '@inorder/messaging/outbox/ops.ts'
import { Type } from 'typebox'
import { opsRoute } from './ops-route.ts'

type Audit = (query: { limit: number; after?: number }) => Promise<List<AuditEntry>>

const querystring = closed({
  limit,
  after: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
})

export const auditRoutes =
  (audit: Audit): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/ops/audit',
      opsRoute('listAudit', 'What operators did here, the newest first', { querystring }, pageOf(AuditEntry)),
      ({ query }) => audit(query),
    )
  }
