import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Problem } from '@inorder/contracts/problems.ts'
import { answersOf, withHeaders } from '@inorder/http/answers.ts'
import { notModified, sendVersion } from '@inorder/http/preconditions.ts'
import { inChapter } from '@inorder/http/schemas.ts'
import type { Inbox } from '@inorder/messaging/inbox/inbox.ts'
import { pauseText } from '@inorder/messaging/inbox/pause.ts'
import { listOf } from '@inorder/messaging/outbox/ops.ts'
import { transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import { Type } from 'typebox'
import {
  Details,
  DetailsQuery,
  details,
  OrderParams,
  Orders,
  OrdersQuery,
  TopicIds,
  TopicIdsQuery,
  Versions,
  VersionsQuery,
} from './answers.ts'
import type { ReceivedOrder } from './order.ts'
import { find, history, list } from './store.ts'
import { topicIdsJson } from './topic-ids.ts'
import type { VersionWaits } from './version-waits.ts'

const unknownOrder = (orderId: string) =>
  new Problem('order-not-found', `No event of the order ${orderId} has been handled.`)

interface OrderRoutes {
  pool: Pool
  logger: Logger
  waits: VersionWaits
  topic: string
  inbox: Pick<Inbox<never, never>, 'topicKeys' | 'positions' | 'holderOf' | 'pauseOf'>
}

export const orderRoutes =
  ({ pool, logger, waits, topic, inbox }: OrderRoutes): FastifyPluginAsyncTypebox =>
  async (app) => {
    inChapter(app, 'orders')
    // Before the app waits for the requests that are under way, which these hold up.
    app.addHook('preClose', async () => waits.close())

    app.get(
      '/order-details',
      {
        schema: {
          operationId: 'getOrderDetails',
          summary: 'An order with its shipping cost',
          querystring: DetailsQuery,
          response: {
            200: withHeaders(Details, 'ETag'),
            304: notModified,
            ...answersOf('order-not-found', 'not-yet-processed', 'order-held', 'overloaded', 'database-away'),
          },
        },
      },
      async (request, reply) => {
        const { orderId, minVersion, wait } = request.query
        const received =
          minVersion === undefined ? await find(pool, orderId) : await atVersion(orderId, minVersion, wait)
        if (!received) throw unknownOrder(orderId)
        return sendVersion(request, reply, received.version, details(received))
      },
    )

    async function atVersion(orderId: string, minVersion: number, seconds: number): Promise<ReceivedOrder> {
      if (waits.full) throw new Problem('overloaded', 'Too many requests wait for an order to be handled.')
      const wait = waits.expect(orderId, minVersion)
      try {
        let received = await find(pool, orderId)
        if (received && received.version >= minVersion) return received
        await assertNotHeld(orderId)
        await wait.within(seconds * 1000)
        received = await find(pool, orderId)
        if (received && received.version >= minVersion) return received
        await assertNotHeld(orderId)
        const at = received ? `at version ${received.version}` : 'unknown here'
        const pause = await inbox.pauseOf(orderId)
        throw new Problem(
          'not-yet-processed',
          `After ${seconds} s the order ${orderId} is ${at}, not at ${minVersion}.${pause ? ` ${pauseText(pause)}` : ''}`,
        )
      } finally {
        wait.forget()
      }
    }

    /** Nothing of a held order is applied, however long one waits. */
    async function assertNotHeld(orderId: string): Promise<void> {
      const holder = await inbox.holderOf(orderId)
      if (!holder) return
      const { appliedVersion, event, state, cause, detail, since } = holder
      const todo =
        state === 'head'
          ? 'redrive it once the cause is gone, or discard it'
          : 'find out why the version before it is missing, or discard it with skipVersion, which applies it without that one'
      throw new Problem(
        'order-held',
        `The order ${orderId} is held at version ${appliedVersion} since ${since}, by the event ${event} (${cause}: ${detail}). ` +
          `An operator has to ${todo}: /ops/parked/${encodeURIComponent(orderId)}.`,
        { members: { event, cause, since } },
      )
    }

    app.get(
      '/getAllOrderIdsFromTopic',
      {
        schema: {
          operationId: 'getAllOrderIdsFromTopic',
          summary: 'Every order id ever received from a topic',
          querystring: TopicIdsQuery,
          response: {
            // To OpenAPI it is an object, to the code the stream that writes it.
            200: Type.Unsafe<Readable>(TopicIds),
            ...answersOf('topic-not-consumed', 'database-away'),
          },
        },
      },
      async ({ query }, reply) => {
        if (query.topic !== topic) {
          throw new Problem('topic-not-consumed', `${query.topic} is not consumed here; what is: ${topic}.`)
        }
        const after = query.after === undefined ? 0 : await inbox.topicKeys.cursorOf(query.after)
        if (after === undefined) {
          const errors = [{ field: 'after', message: 'must be an order id that was received from the topic' }]
          throw new Problem('invalid-request', `No event of the order ${query.after} has come from ${topic}.`, {
            errors,
          })
        }
        const positions = await inbox.positions()
        const upToDate = positions.length > 0 && positions.every(({ lag }) => lag === 0)
        const extent = await inbox.topicKeys.extent(after, query.limit)
        const paged = query.limit !== undefined || query.after !== undefined
        const json = topicIdsJson({ topic, ids: inbox.topicKeys, logger, upToDate, after, extent, paged })
        return reply.type('application/json; charset=utf-8').send(Readable.from(json))
      },
    )

    app.get(
      '/orders',
      {
        schema: {
          operationId: 'listOrders',
          summary: 'The orders as received, by order id',
          querystring: OrdersQuery,
          response: { 200: Orders, ...answersOf('database-away') },
        },
      },
      async ({ query: { status = null, customerId = null, after = '', limit } }) => {
        const page = { status, customerId, after, limit }
        const { orders, next } = await transaction(pool, (tx) => list(tx, page))
        return { items: orders.map(details), next }
      },
    )

    app.get(
      '/orders/:orderId/versions',
      {
        schema: {
          operationId: 'listVersions',
          summary: 'The versions of an order as they were applied, the oldest first',
          params: OrderParams,
          querystring: VersionsQuery,
          response: { 200: Versions, ...answersOf('order-not-found', 'database-away') },
        },
      },
      async ({ params: { orderId }, query: { after, limit } }) => {
        const versions = await history(pool, orderId, { after, limit: limit + 1 })
        if (versions.length === 0 && !(await find(pool, orderId))) throw unknownOrder(orderId)
        return listOf(versions, limit, ({ version }) => String(version))
      },
    )
  }
