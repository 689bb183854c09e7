// The operator's view of a service's slow effects: which are held up, and what is to become of them.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Problem } from '@inorder/contracts/problems.ts'
import { answersOf } from '@inorder/http/answers.ts'
import { operatorOf } from '@inorder/http/operator.ts'
import { type EffectOps, HeldEffect, ReleasedAll, ShownEffect } from '@inorder/messaging/effects/ops.ts'
import { Type } from 'typebox'

const closed = { additionalProperties: false }
const text = (maxLength: number) => Type.String({ minLength: 1, maxLength, format: 'text' })
const OfKey = Type.Object({ key: Type.String(), effects: Type.Array(ShownEffect) })

const tags = ['ops']
const params = Type.Object({ key: text(128) }, closed)
const cause = text(64)
const reason = text(1024)
// Of a foreign event id anything may be part, but for NUL, which the database does not hold.
const effect = Type.String({ minLength: 1, maxLength: 2048, pattern: '^[^\\u0000]*$' })
const list = Type.Object(
  {
    state: Type.Enum(['parked', 'failing'], { default: 'parked' }),
    cause: Type.Optional(cause),
    limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
    after: Type.Optional(text(128)),
  },
  closed,
)
const dryRun = Type.Optional(Type.Boolean({ description: 'Only tell what would happen' }))

export function effectRoutes(effects: EffectOps): FastifyPluginAsyncTypebox {
  return async (app) => {
    const answer = async (key: string) => ({ key, effects: await effects.effectsOf(key) })

    app.get(
      '/ops/effects',
      {
        schema: {
          summary: 'Effects that are parked, or fail and are tried again',
          tags,
          querystring: list,
          response: {
            200: Type.Object({ items: Type.Array(HeldEffect), next: Type.Union([Type.String(), Type.Null()]) }),
            ...answersOf('invalid-request'),
          },
        },
      },
      ({ query }) => effects.held(query),
    )

    app.get(
      '/ops/effects/:key',
      {
        schema: {
          summary: 'What is to be done yet of one order',
          tags,
          params,
          response: { 200: OfKey, ...answersOf('invalid-request') },
        },
      },
      ({ params }) => answer(params.key),
    )

    app.post(
      '/ops/effects/:key/redrive',
      {
        schema: {
          summary: 'Try the parked or failing effect of an order now, and then those behind it',
          tags,
          params,
          response: { 200: OfKey, ...answersOf('invalid-request', 'nothing-parked') },
        },
      },
      async (request) => {
        const { key } = request.params
        if (!(await effects.redrive(key, operatorOf(request)))) {
          throw new Problem('nothing-parked', `No effect of ${key} is parked or fails.`)
        }
        return answer(key)
      },
    )

    app.post(
      '/ops/effects/:key/discard',
      {
        schema: {
          summary: 'Give up the parked or failing effect of an order, and go on with those behind it',
          tags,
          params,
          body: Type.Object({ effect, reason }, closed),
          response: { 200: OfKey, ...answersOf('invalid-request', 'effect-not-parked') },
        },
      },
      async (request) => {
        const { key } = request.params
        const { effect } = request.body
        if (!(await effects.discard(key, { ...request.body, operator: operatorOf(request) }))) {
          throw new Problem('effect-not-parked', `${effect} is no effect of ${key} that is parked or fails.`)
        }
        return answer(key)
      },
    )

    app.post(
      '/ops/effects/redrive',
      {
        schema: {
          summary: 'Try all effects now that are parked, or fail, with one cause',
          tags,
          body: Type.Object({ cause, dryRun }, closed),
          response: { 200: ReleasedAll, ...answersOf('invalid-request') },
        },
      },
      (request) => {
        const { cause, dryRun = false } = request.body
        return effects.releaseAll(cause, { operator: operatorOf(request), dryRun })
      },
    )

    app.post(
      '/ops/effects/discard',
      {
        schema: {
          summary: 'Give up all effects that are parked, or fail, with one cause',
          tags,
          body: Type.Object({ cause, reason, dryRun }, closed),
          response: { 200: ReleasedAll, ...answersOf('invalid-request') },
        },
      },
      (request) => {
        const { cause, reason, dryRun = false } = request.body
        return effects.releaseAll(cause, { operator: operatorOf(request), reason, dryRun })
      },
    )
  }
}
