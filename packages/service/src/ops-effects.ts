// The operator's view of a service's slow effects: which are held up, and what is to become of them.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Problem } from '@inorder/contracts/problems.ts'
import { operatorOf } from '@inorder/http/operator.ts'
import { closed, limit, pageOf, text } from '@inorder/http/schemas.ts'
import type { EffectOps } from '@inorder/messaging/effects/operator.ts'
import { HeldEffect, ReleasedAll, ShownEffect } from '@inorder/messaging/effects/ops.ts'
import { Type } from 'typebox'
import { cause, dryRun, opsRoute } from './ops-route.ts'

const OfKey = Type.Object({ key: Type.String(), effects: Type.Array(ShownEffect) }, { title: 'EffectsOfKey' })

const params = closed({ key: Type.String({ ...text(128), examples: ['o-1'] }) })
const reason = text(1024)
// Of a foreign event id anything may be part, but for NUL, which the database does not hold.
const effect = Type.String({ minLength: 1, maxLength: 2048, pattern: '^[^\\u0000]*$' })
const why = 'the customer has paid otherwise'
const discardBody = closed(
  { effect, reason },
  { title: 'DiscardEffect', examples: [{ effect: '7b0c8f0e-5a1e-4c55-9d5f-0f3a5a1c2b11:0', reason: why }] },
)
const after = Type.Optional(text(128))
const redriveCauseBody = closed(
  { cause, dryRun, after },
  { title: 'RedriveEffects', examples: [{ cause: 'status-404', dryRun: true }] },
)
const discardCauseBody = closed(
  { cause, reason, dryRun, after },
  { title: 'DiscardCause', examples: [{ cause: 'status-404', reason: why, dryRun: true }] },
)
const querystring = closed({
  state: Type.Enum(['parked', 'failing'], { default: 'parked' }),
  cause: Type.Optional(cause),
  limit,
  after,
})

export function effectRoutes(effects: EffectOps): FastifyPluginAsyncTypebox {
  return async (app) => {
    const answer = async (key: string) => ({ key, effects: await effects.of(key) })

    app.get(
      '/ops/effects',
      opsRoute(
        'listEffects',
        'Effects that are parked, or fail and are tried again',
        { querystring },
        pageOf(HeldEffect),
      ),
      ({ query }) => effects.list(query),
    )

    app.get(
      '/ops/effects/:key',
      opsRoute('getEffects', 'What is to be done yet of one order', { params }, OfKey),
      ({ params }) => answer(params.key),
    )

    app.post(
      '/ops/effects/:key/redrive',
      opsRoute(
        'redriveEffect',
        'Try the parked or failing effect of an order now, and then those behind it',
        { params },
        OfKey,
        'nothing-parked',
      ),
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
      opsRoute(
        'discardEffect',
        'Give up the parked or failing effect of an order, and go on with those behind it',
        { params, body: discardBody },
        OfKey,
        'effect-not-parked',
      ),
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
      opsRoute(
        'redriveEffectsByCause',
        'Try all effects now that are parked, or fail, with one cause, 1,000 orders in a call',
        { body: redriveCauseBody },
        ReleasedAll,
      ),
      (request) => {
        const { cause, dryRun = false, ...more } = request.body
        return effects.releaseAll(cause, { operator: operatorOf(request), dryRun, ...more })
      },
    )

    app.post(
      '/ops/effects/discard',
      opsRoute(
        'discardEffectsByCause',
        'Give up all effects that are parked, or fail, with one cause, 1,000 orders in a call',
        { body: discardCauseBody },
        ReleasedAll,
      ),
      (request) => {
        const { cause, dryRun = false, ...more } = request.body
        return effects.releaseAll(cause, { operator: operatorOf(request), dryRun, ...more })
      },
    )
  }
}
