import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Problem } from '@inorder/contracts/problems.ts'
import { answersOf } from '@inorder/http/answers.ts'
import { operatorOf } from '@inorder/http/operator.ts'
import { inChapter } from '@inorder/http/schemas.ts'
import { addAudit } from '@inorder/messaging/outbox/audit.ts'
import { transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import { ItemParams, OnHand, OrderParams, Reservation, reservation, Stock, stock } from './answers.ts'
import { findReservation, findStock, lockStock, setOnHand } from './store.ts'

export const inventoryRoutes =
  (pool: Pool, allocator: { wake(): void }): FastifyPluginAsyncTypebox =>
  async (app) => {
    inChapter(app, 'stock')
    app.get(
      '/stock/:itemId',
      {
        schema: {
          operationId: 'getStock',
          summary: 'How many there are of an item, and how many are promised',
          params: ItemParams,
          response: { 200: Stock, ...answersOf('item-not-found', 'database-away') },
        },
      },
      async ({ params: { itemId } }) => {
        const found = await findStock(pool, itemId)
        if (!found) throw new Problem('item-not-found', `The stock of ${itemId} was never set.`)
        return stock(found)
      },
    )

    app.put(
      '/stock/:itemId',
      {
        schema: {
          operationId: 'setStock',
          summary: 'Sets how many there are of an item',
          params: ItemParams,
          body: OnHand,
          response: {
            200: Stock,
            ...answersOf('stock-reserved', 'database-away'),
          },
        },
      },
      async (request) => {
        const { itemId } = request.params
        const { onHand } = request.body
        const operator = operatorOf(request)
        const set = await transaction(pool, async (tx) => {
          const before = await lockStock(tx, itemId)
          const now = await setOnHand(tx, itemId, onHand)
          if (now && before?.onHand !== onHand) {
            const counted = { before: { own: before ? { onHand: before.onHand } : null }, after: { own: { onHand } } }
            const act = { operator, action: 'set-stock', key: `@item:${itemId}`, ...counted, answer: stock(now) }
            await addAudit(tx, 'parking_audit', [act])
          }
          return now
        })
        if (!set) throw new Problem('stock-reserved', `More than ${onHand} of ${itemId} are reserved.`)
        request.log.info({ itemId, onHand, operator, request_id: request.id }, 'the stock of an item was set')
        allocator.wake()
        return stock(set)
      },
    )

    app.get(
      '/reservations/:orderId',
      {
        schema: {
          operationId: 'getReservation',
          summary: 'What an order has got of the stock',
          params: OrderParams,
          response: { 200: Reservation, ...answersOf('order-not-found', 'database-away') },
        },
      },
      async ({ params: { orderId } }) => {
        const found = await findReservation(pool, orderId)
        if (!found) throw new Problem('order-not-found', `No event of the order ${orderId} has been handled.`)
        return reservation(orderId, found)
      },
    )
  }
