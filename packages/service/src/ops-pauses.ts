// The operator stops the inbox, one order or slow effects for a while: what is paused, and until when.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FieldError } from '@inorder/contracts/problems.ts'
import { invalidRequest } from '@inorder/http/field-errors.ts'
import { operatorOf } from '@inorder/http/operator.ts'
import { closed, limit, pageOf, text, textOrNull } from '@inorder/http/schemas.ts'
import { named, Pause, type Paused, type PauseTarget } from '@inorder/messaging/inbox/pause.ts'
import type { PauseOps } from '@inorder/messaging/inbox/pause-operator.ts'
import { Type } from 'typebox'
import { opsRoute } from './ops-route.ts'

const body = closed(
  {
    what: Type.Enum(['inbox', 'effects', 'key']),
    kind: Type.Optional(text(64)),
    key: Type.Optional(text(512)),
    until: Type.Optional(
      Type.String({ format: 'utc-time', description: 'When the pause passes by itself; to resume it means nothing' }),
    ),
    reason: Type.Optional(text(1000)),
  },
  { title: 'PauseRequest', examples: [{ what: 'key', key: 'o-1', reason: 'the customer calls back' }] },
)
const Resumed = Type.Object(
  {
    what: Pause.properties.what,
    kind: textOrNull('Of effects; null: of all kinds'),
    key: textOrNull('Of a key'),
  },
  { title: 'Resumed' },
)
const querystring = closed({ limit, after: Type.Optional(text(1024)) })

/** `kinds`: of the slow effects that the service has. */
export function pauseRoutes(pauses: PauseOps, kinds: readonly string[]): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get('/ops/pauses', opsRoute('listPauses', 'What is paused', { querystring }, pageOf(Pause)), ({ query }) =>
      pauses.list(query),
    )

    app.post(
      '/ops/pause',
      opsRoute('pause', 'Stop applying events, of all orders or of one, or performing effects', { body }, Pause),
      async (request) => {
        const { until, reason } = request.body
        const target = targetOf(request.body, kinds)
        const paused = await pauses.pause(target, { operator: operatorOf(request), until, reason })
        if (!paused) throw invalidRequest([{ field: 'until', message: 'must be in the future' }])
        return paused
      },
    )

    app.post(
      '/ops/resume',
      opsRoute('resume', 'Go on with what is paused, in order; also where it is not', { body }, Resumed),
      async (request) => {
        const target = targetOf(request.body)
        await pauses.resume(target, { operator: operatorOf(request), reason: request.body.reason })
        return named(target)
      },
    )
  }
}

/** `kinds`: those that may be named; undefined: any, for one that a release before has paused. */
function targetOf(
  { what, kind, key }: { what: Paused; kind?: string; key?: string },
  kinds?: readonly string[],
): PauseTarget {
  const errors: FieldError[] = []
  if (what !== 'effects' && kind !== undefined) errors.push({ field: 'kind', message: 'is for what: effects only' })
  if (what !== 'key' && key !== undefined) errors.push({ field: 'key', message: 'is for what: key only' })
  if (what === 'key' && key === undefined) errors.push({ field: 'key', message: 'is needed for what: key' })
  if (what === 'effects' && kinds?.length === 0)
    errors.push({ field: 'what', message: 'must not be effects: this service has none' })
  else if (what === 'effects' && kind !== undefined && kinds && !kinds.includes(kind))
    errors.push({ field: 'kind', message: `must be one of ${kinds.join(', ')}` })
  if (errors.length > 0) throw invalidRequest(errors)
  return { what, name: (what === 'key' ? key : kind) ?? '' }
}
