// The operator's view of a consumer, and what they may do: what is parked and why, to be redriven or discarded; how far it
// has read; where one order stands.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Problem } from '@inorder/contracts/problems.ts'
import { mayOperate, operatorOf } from '@inorder/http/operator.ts'
import { closed, limit, pageOf, text } from '@inorder/http/schemas.ts'
import type { EffectOps } from '@inorder/messaging/effects/operator.ts'
import { EffectOfKey } from '@inorder/messaging/effects/ops.ts'
import type { Ops } from '@inorder/messaging/inbox/inbox.ts'
import {
  Loss,
  ParkedDetail,
  ParkedGroup,
  ParkedKey,
  PartitionPosition,
  Redriven,
  RedrivenAll,
  StateOfKey,
} from '@inorder/messaging/inbox/ops.ts'
import { listOf } from '@inorder/messaging/outbox/ops.ts'
import { Type } from 'typebox'
import { auditRoutes } from './ops-audit.ts'
import { effectRoutes } from './ops-effects.ts'
import { jobRoutes } from './ops-jobs.ts'
import { pauseRoutes } from './ops-pauses.ts'
import { cause, done, keyParams, opsRoute, redriveBody, redriveCauseBody } from './ops-route.ts'

const parkedQuery = closed({ cause: Type.Optional(cause), limit, after: Type.Optional(text(1024)) })
const groupsQuery = closed({
  limit,
  after: Type.Optional(Type.String({ minLength: 1, maxLength: 4096, pattern: '^[A-Za-z0-9_-]+$' })),
})
const stateOf = Type.Object({ ...StateOfKey.properties, effects: Type.Array(EffectOfKey) }, { title: 'StateOfKey' })
const positionsQuery = closed({
  limit,
  after: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
})
const discardBody = closed(
  {
    event: Type.String({ minLength: 1, maxLength: 128, format: 'text', description: 'topicId/partition/offset' }),
    reason: text(1000),
    skipVersion: Type.Optional(
      Type.Boolean({
        description: 'The order goes on without this version, or without those missing before an event that waits',
      }),
    ),
    dropWaiting: Type.Optional(
      Type.Boolean({ description: 'The event may be one that waits for a version before it; not with skipVersion' }),
    ),
  },
  { title: 'DiscardParked', examples: [{ event: 'jJ0xVqYbR8aZxq0vYy0n5Q/3/17', reason: 'it was a test' }] },
)

/** `effects` where the service has slow ones, of these kinds. */
export function opsRoutes(ops: Ops, effects?: EffectOps, kinds: readonly string[] = []): FastifyPluginAsyncTypebox {
  return async (app) => {
    await app.register(auditRoutes((query) => ops.audit(query)))
    await app.register(jobRoutes(ops.jobs))
    await app.register(pauseRoutes(ops.pauses, kinds))
    if (effects) await app.register(effectRoutes(effects))

    app.get(
      '/ops/parked',
      opsRoute('listParked', 'Orders with parked events', { querystring: parkedQuery }, pageOf(ParkedKey)),
      ({ query }) => ops.list(query),
    )

    app.get(
      '/ops/parked/groups',
      opsRoute(
        'listParkedGroups',
        'What holds orders up, by cause and detail',
        { querystring: groupsQuery },
        pageOf(ParkedGroup),
      ),
      ({ query }) => ops.groups(query),
    )

    app.get(
      '/ops/parked/:key',
      opsRoute('getParked', 'What is parked of one order', { params: keyParams }, ParkedDetail, 'nothing-parked'),
      async (request) => {
        const { key } = request.params
        const detail = await ops.of(key, { raw: mayOperate(request) })
        if (!detail) throw new Problem('nothing-parked', `Nothing is parked of ${key}.`)
        return detail
      },
    )

    app.post(
      '/ops/parked/:key/redrive',
      opsRoute(
        'redriveParked',
        'Try what is parked of one order again',
        { params: keyParams, body: redriveBody },
        Redriven,
        'nothing-parked',
        'paused',
        'record-gone',
        'registry-away',
        'kafka-away',
      ),
      async (request) => {
        const redrive = { operator: operatorOf(request), dryRun: request.body?.dryRun ?? false }
        return done(await ops.redrive(request.params.key, redrive))
      },
    )

    app.post(
      '/ops/parked/redrive',
      opsRoute(
        'redriveParkedByCause',
        'Try all orders again that one cause holds up, up to 1,000 of them',
        { body: redriveCauseBody },
        RedrivenAll,
        'too-many-keys',
      ),
      async (request) => {
        const { cause, dryRun = false } = request.body
        return done(await ops.redriveAll(cause, { operator: operatorOf(request), dryRun }))
      },
    )

    app.post(
      '/ops/parked/:key/discard',
      opsRoute(
        'discardParked',
        'Give one parked event up, and apply what waited behind it',
        { params: keyParams, body: discardBody },
        Redriven,
        'nothing-parked',
        'not-the-head',
        'paused',
        'version-not-skipped',
        'registry-away',
      ),
      async (request) => {
        const { skipVersion = false, dropWaiting = false, ...body } = request.body
        if (skipVersion && dropWaiting)
          throw new Problem('invalid-request', 'skipVersion applies the event that waits, and dropWaiting drops it.')
        const discard = { ...body, skipVersion, dropWaiting, operator: operatorOf(request) }
        return done(await ops.discard(request.params.key, discard))
      },
    )

    app.get(
      '/ops/positions',
      opsRoute(
        'listPositions',
        'How far each partition is applied',
        { querystring: positionsQuery },
        pageOf(PartitionPosition),
      ),
      async ({ query: { limit, after = -1 } }) => {
        const later = (await ops.positions()).filter(({ partition }) => partition > after)
        return listOf(later, limit, ({ partition }) => String(partition))
      },
    )

    app.post(
      '/ops/positions/:partition/accept-loss',
      opsRoute(
        'acceptLoss',
        'Go on behind records that are gone from Kafka',
        { params: closed({ partition: Type.String({ pattern: '^[0-9]{1,9}$', examples: ['0'] }) }) },
        Loss,
        'nothing-lost',
        'kafka-away',
      ),
      async (request) => done(await ops.acceptLoss(Number(request.params.partition), operatorOf(request))),
    )

    app.get(
      '/ops/keys/:key',
      opsRoute('getKeyState', "An order's whole state here", { params: keyParams }, stateOf, 'order-not-found'),
      async ({ params }) => {
        const state = await ops.stateOf(params.key)
        if (!state) throw new Problem('order-not-found', `No record of ${params.key} ever came.`)
        return { ...state, effects: (await effects?.historyOf(params.key)) ?? [] }
      },
    )
  }
}
