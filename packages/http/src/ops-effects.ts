// The operator's view of a service's slow effects: which were refused for good, and what is to become of them.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type EffectOps, ParkedEffect, ShownEffect } from '@inorder/contracts/effects.ts'
import { problem } from '@inorder/contracts/problems.ts'
import { Type } from 'typebox'
import { answersOf } from './answers.ts'
import { operatorOf } from './operator.ts'

const text = (maxLength: number) => Type.String({ minLength: 1, maxLength, format: 'text' })
const ofOrder = Type.Object({ orderId: Type.String(), effects: Type.Array(ShownEffect) })

const tags = ['ops']
const params = Type.Object({ orderId: text(128) }, { additionalProperties: false })
const list = Type.Object(
  { limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }), after: Type.Optional(text(128)) },
  { additionalProperties: false },
)

export function effectRoutes(effects: EffectOps): FastifyPluginAsyncTypebox {
  return async (app) => {
    const answer = async (orderId: string) => ({ orderId, effects: await effects.effectsOf(orderId) })

    app.get(
      '/ops/effects',
      {
        schema: {
          summary: 'Effects that were refused for good',
          tags,
          querystring: list,
          response: {
            200: Type.Object({ items: Type.Array(ParkedEffect), next: Type.Union([Type.String(), Type.Null()]) }),
            ...answersOf('invalid-request'),
          },
        },
      },
      ({ query }) => effects.parked(query),
    )

    app.post(
      '/ops/effects/:orderId/redrive',
      {
        schema: {
          summary: 'Try the parked effect of an order again, and then those behind it',
          tags,
          params,
          response: { 200: ofOrder, ...answersOf('invalid-request', 'nothing-parked') },
        },
      },
      async (request) => {
        const { orderId } = request.params
        if (!(await effects.redrive(orderId, operatorOf(request)))) {
          throw problem('nothing-parked', `No effect of ${orderId} is parked.`)
        }
        return answer(orderId)
      },
    )

    app.post(
      '/ops/effects/:orderId/discard',
      {
        schema: {
          summary: 'Give up the parked effect of an order, and go on with those behind it',
          tags,
          params,
          body: Type.Object({ effect: text(1024), reason: text(1024) }, { additionalProperties: false }),
          response: { 200: ofOrder, ...answersOf('invalid-request', 'effect-not-parked') },
        },
      },
      async (request) => {
        const { orderId } = request.params
        if (!(await effects.discard(orderId, { ...request.body, operator: operatorOf(request) }))) {
          throw problem('effect-not-parked', `${request.body.effect} is not the effect of ${orderId} that is parked.`)
        }
        return answer(orderId)
      },
    )
  }
}
