// The operator's view of the cart: orders that are held until somebody decides.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { OrderId } from '@inorder/contracts/order.ts'
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import { Problem } from '@inorder/contracts/problems.ts'
import { invalidRequest } from '@inorder/http/field-errors.ts'
import { operatorOf } from '@inorder/http/operator.ts'
import { closed, limit, pageOf, text } from '@inorder/http/schemas.ts'
import { RegistryUnavailable } from '@inorder/messaging/kafka/registry.ts'
import type { HeldEvidence } from '@inorder/messaging/outbox/held-evidence.ts'
import { listOf } from '@inorder/messaging/outbox/ops.ts'
import { opsRoute } from '@inorder/service/ops-route.ts'
import type { Pool } from 'pg'
import { Type } from 'typebox'
import { fail, notFound } from './answers.ts'
import { heldOrders } from './held-store.ts'
import { release } from './recovery.ts'
import { orderOf } from './store.ts'

const HeldOrder = Type.Object(
  {
    key: Type.String(),
    version: Type.Integer({ description: 'Of the order as the cart holds it; 0: nothing is known of it' }),
    cause: Type.String({ description: 'gap, undecodable or refused' }),
    detail: Type.String(),
    missing: Type.Array(Type.Object({ from: Type.Integer(), to: Type.Integer() })),
    newest: Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      description: 'The highest version in the log, above its own',
    }),
    since: Type.String({ format: 'date-time' }),
  },
  { title: 'HeldOrder' },
)
const StateInCart = Type.Object(
  {
    key: Type.String(),
    appliedVersion: HeldOrder.properties.version,
    eventId: Type.String({ description: 'Of the event that the cart wrote for this version' }),
    status: Type.String(),
  },
  { title: 'StateInCart' },
)
const Released = Type.Object({ key: Type.String(), version: Type.Integer() }, { title: 'Released' })
const releaseBody = closed(
  {
    reason: text(1000),
    version: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'The order goes on behind this version; by default behind the newest that the log holds',
      }),
    ),
  },
  { title: 'Release', examples: [{ reason: 'the producer has sent it again' }] },
)

export const cartOpsRoutes =
  ({ pool, evidence }: { pool: Pool; evidence: HeldEvidence<OrderEvent> }): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/ops/keys/:key',
      opsRoute(
        'getOrderInCart',
        'The version of an order in the cart, and the event that it wrote for it',
        { params: closed({ key: OrderId }) },
        StateInCart,
        'order-not-found',
        'database-away',
      ),
      async ({ params: { key } }) => {
        const found = await orderOf(pool, key).catch(fail)
        if (!found) throw notFound(key)
        return { key, appliedVersion: found.version, eventId: found.eventId, status: found.order.status }
      },
    )

    app.get(
      '/ops/held',
      opsRoute(
        'listHeldOrders',
        'Orders to which nothing is written until an operator decides',
        { querystring: closed({ limit, after: Type.Optional(OrderId) }) },
        pageOf(HeldOrder),
        'database-away',
      ),
      async ({ query }) => {
        const found = await heldOrders(pool, query.after ?? '', query.limit + 1).catch(fail)
        const held = found.map(({ orderId: key, hold, ...order }) => ({ key, ...order, ...hold }))
        return listOf(held, query.limit, ({ key }) => key)
      },
    )

    app.post(
      '/ops/held/:key/release',
      opsRoute(
        'releaseHeldOrder',
        'Let a held order go on, as what the log says of it',
        { params: closed({ key: OrderId }), body: releaseBody },
        Released,
        'nothing-held',
        'database-away',
        'registry-away',
      ),
      async (request) => {
        const { key } = request.params
        const decision = { ...request.body, operator: operatorOf(request) }
        const done = await release(pool, evidence, key, decision).catch((error) => {
          if (error instanceof RegistryUnavailable)
            throw new Problem(
              'registry-away',
              'The schema of the newest event cannot be asked for. Nothing was changed.',
            )
          return fail(error)
        })
        if ('version' in done) return { key, version: done.version }
        switch (done.refused) {
          case 'not-held':
            throw new Problem('nothing-held', `Order ${key} is not held.`)
          case 'too-low':
            throw wrongVersion(`must be ${done.least} or higher: such versions are given away`)
          case 'no-state':
            throw wrongVersion('must be 0: nothing of this order can be read, so that it can only be created anew')
        }
      },
    )
  }

const wrongVersion = (message: string) => invalidRequest([{ field: 'version', message }])
