// The operator's view of events that Kafka refuses for good, and what is to become of them.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Problem } from '@inorder/contracts/problems.ts'
import { answersOf } from '@inorder/http/answers.ts'
import { operatorOf } from '@inorder/http/operator.ts'
import { closed, inChapter, limit, pageOf, text } from '@inorder/http/schemas.ts'
import {
  SetAside,
  SetAsideDiscarded,
  SetAsideOfKey,
  type SetAsideOps,
  SetAsideRedriven,
} from '@inorder/messaging/outbox/ops.ts'
import { Type } from 'typebox'
import { cause, dryRun, redriveBody } from './ops-schemas.ts'

const params = closed({ key: text(512) })
const list = closed({
  cause: Type.Optional(cause),
  limit,
  after: Type.Optional(Type.String({ pattern: '^\\d{1,18}$' })),
})
const event = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', description: 'The event id' })

const nothing = (key: string) => new Problem('nothing-set-aside', `No event of ${key} is set aside.`)

export function setAsideRoutes(ops: SetAsideOps): FastifyPluginAsyncTypebox {
  return async (app) => {
    inChapter(app, 'ops')
    app.get(
      '/ops/set-aside',
      {
        schema: {
          summary: 'Events that Kafka refuses for good, the oldest first',
          querystring: list,
          response: {
            200: pageOf(SetAside),
          },
        },
      },
      ({ query }) => ops.setAside(query),
    )

    app.get(
      '/ops/set-aside/:key',
      {
        schema: {
          summary: 'What is set aside of one key',
          params,
          response: { 200: SetAsideOfKey, ...answersOf('nothing-set-aside') },
        },
      },
      async ({ params: { key } }) => {
        const found = await ops.setAsideOf(key)
        if (!found) throw nothing(key)
        return found
      },
    )

    app.post(
      '/ops/set-aside/:key/redrive',
      {
        schema: {
          summary: 'Try to publish what is set aside of one key again, and then what waits behind it',
          params,
          body: redriveBody,
          response: { 200: SetAsideRedriven, ...answersOf('nothing-set-aside') },
        },
      },
      async (request) => {
        const { key } = request.params
        const redrive = { operator: operatorOf(request), dryRun: request.body?.dryRun ?? false }
        const answer = await ops.redriveSetAside(key, redrive)
        if (!answer) throw nothing(key)
        return answer
      },
    )

    app.post(
      '/ops/set-aside/redrive',
      {
        schema: {
          summary: 'Try to publish all events again that are set aside for one cause',
          body: closed({ cause, dryRun }),
          response: { 200: SetAsideRedriven },
        },
      },
      (request) => {
        const { cause, dryRun = false } = request.body
        return ops.redriveAllSetAside(cause, { operator: operatorOf(request), dryRun })
      },
    )

    app.post(
      '/ops/set-aside/:key/discard',
      {
        schema: {
          summary: 'Give up one event that is set aside: it is never published, and what waits behind it is',
          params,
          body: closed({ event, reason: text(1000) }),
          response: {
            200: SetAsideDiscarded,
            ...answersOf('nothing-set-aside', 'not-set-aside'),
          },
        },
      },
      async (request) => {
        const answer = await ops.discardSetAside(request.params.key, {
          ...request.body,
          operator: operatorOf(request),
        })
        if ('refused' in answer) throw new Problem(answer.refused, answer.detail)
        return answer
      },
    )
  }
}
