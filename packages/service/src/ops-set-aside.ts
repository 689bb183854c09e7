// The operator's view of the outbox: what of a key waits for Kafka, what Kafka refuses for good, and what is to become of that.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { Problem } from '@inorder/contracts/problems.ts'
import { operatorOf } from '@inorder/http/operator.ts'
import { closed, limit, pageOf, text } from '@inorder/http/schemas.ts'
import {
  OutboxOfKey,
  SetAside,
  SetAsideDiscarded,
  SetAsideOfKey,
  SetAsideRedriven,
} from '@inorder/messaging/outbox/ops.ts'
import { SetAsideOperator, type SetAsideOps, type SetAsideOptions } from '@inorder/messaging/outbox/set-aside.ts'
import { Type } from 'typebox'
import { cause, done, dryRun, keyParams, opsRoute, redriveBody } from './ops-route.ts'

const after = Type.Optional(Type.String({ pattern: '^[0-9]{1,18}$' }))
const querystring = closed({ cause: Type.Optional(cause), limit, after })
const redriveCauseBody = closed(
  { cause, dryRun, after },
  { title: 'RedriveSetAsides', examples: [{ cause: 'record-too-large', dryRun: true }] },
)
const event = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', description: 'The event id' })
const discardBody = closed(
  { event, reason: text(1000) },
  {
    title: 'DiscardSetAside',
    examples: [{ event: '7b0c8f0e-5a1e-4c55-9d5f-0f3a5a1c2b11', reason: 'it was sent by hand' }],
  },
)

const found = <Answer>(key: string, answer: Answer | undefined): Answer => {
  if (answer === undefined) throw new Problem('nothing-set-aside', `No event of ${key} is set aside.`)
  return answer
}

/** Of the outbox of a service that publishes order events, or copies of those that it could not apply. */
export const setAsideOrders = (parts: Omit<SetAsideOptions, 'versionHeader' | 'consequence'>): SetAsideOperator =>
  new SetAsideOperator({
    ...parts,
    versionHeader: orderEvents.versionHeader,
    consequence: ({ topic, key, version }) =>
      topic === orderEvents.name
        ? `Each service will miss version ${version} of ${key}, and keep its later versions waiting (GET /ops/parked/{key} there). ` +
          `To go on without it: POST /ops/parked/{key}/discard in each, with the first event that waits and "skipVersion": true.`
        : `${topic} lacks the copy of this record. No order is held up by that: the record itself is parked here, under /ops/parked.`,
  })

export function setAsideRoutes(ops: SetAsideOps): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/ops/outbox/:key',
      opsRoute('getOutbox', 'What of one key Kafka has not acknowledged yet', { params: keyParams }, OutboxOfKey),
      ({ params: { key } }) => ops.waitingOf(key),
    )

    app.get(
      '/ops/set-aside',
      opsRoute(
        'listSetAside',
        'Events that Kafka refuses for good, the oldest first',
        { querystring },
        pageOf(SetAside),
      ),
      ({ query }) => ops.list(query),
    )

    app.get(
      '/ops/set-aside/:key',
      opsRoute(
        'getSetAside',
        'What is set aside of one key',
        { params: keyParams },
        SetAsideOfKey,
        'nothing-set-aside',
      ),
      async ({ params: { key } }) => found(key, await ops.of(key)),
    )

    app.post(
      '/ops/set-aside/:key/redrive',
      opsRoute(
        'redriveSetAside',
        'Try to publish what is set aside of one key again, and then what waits behind it',
        { params: keyParams, body: redriveBody },
        SetAsideRedriven,
        'nothing-set-aside',
      ),
      async (request) => {
        const { key } = request.params
        const redrive = { operator: operatorOf(request), dryRun: request.body?.dryRun ?? false }
        return found(key, await ops.redrive(key, redrive))
      },
    )

    app.post(
      '/ops/set-aside/redrive',
      opsRoute(
        'redriveSetAsideByCause',
        'Try to publish all events again that are set aside for one cause, 1,000 in a call',
        { body: redriveCauseBody },
        SetAsideRedriven,
      ),
      (request) => {
        const { cause, dryRun = false, ...more } = request.body
        return ops.redriveAll(cause, { operator: operatorOf(request), dryRun, ...more })
      },
    )

    app.post(
      '/ops/set-aside/:key/discard',
      opsRoute(
        'discardSetAside',
        'Give up one event that is set aside: it is never published, and what waits behind it is',
        { params: keyParams, body: discardBody },
        SetAsideDiscarded,
        'nothing-set-aside',
        'not-set-aside',
      ),
      async (request) => {
        const discard = { ...request.body, operator: operatorOf(request) }
        return done(await ops.discard(request.params.key, discard))
      },
    )
  }
}
