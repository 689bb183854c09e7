import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Order } from '@inorder/contracts/order.ts'
import { Problem } from '@inorder/contracts/problems.ts'
import { answersOf } from '@inorder/http/answers.ts'
import { inChapter, textOrNull } from '@inorder/http/schemas.ts'
import type { Pool } from 'pg'
import { Type } from 'typebox'
import { find } from './store.ts'

const { orderId, currency } = Order.properties
const ShipmentAnswer = Type.Object(
  {
    orderId,
    status: Type.Enum(['quoted', 'requested', 'dispatched', 'delivered', 'cancelled', 'recalled']),
    shippingCost: Type.Number({ description: '2 % of totalAmount, rounded half up to the minor unit of the currency' }),
    currency,
    label: textOrNull('Where the label is'),
    tracking: textOrNull("The carrier's number"),
    reason: textOrNull('Why it was cancelled, unless its customer did it'),
  },
  { title: 'Shipment' },
)

export const shippingRoutes =
  (pool: Pool): FastifyPluginAsyncTypebox =>
  async (app) => {
    inChapter(app, 'shipments')
    app.get(
      '/shipments/:orderId',
      {
        schema: {
          operationId: 'getShipment',
          summary: "An order's shipment",
          params: Type.Object({ orderId }),
          response: { 200: ShipmentAnswer, ...answersOf('order-not-found', 'database-away') },
        },
      },
      async ({ params: { orderId } }) => {
        const shipment = await find(pool, orderId)
        if (!shipment) throw new Problem('order-not-found', `No event of the order ${orderId} has been handled.`)
        return { orderId, ...shipment }
      },
    )
  }
