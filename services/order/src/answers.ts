// The schemas of what this service takes and answers; validation, types and OpenAPI follow from them.
import { Order, OrderId } from '@inorder/contracts/order.ts'
import { Type } from 'typebox'
import type { ReceivedOrder } from './order.ts'

const closed = { additionalProperties: false }
// Not a union, whose parts the serializer would check with a validator of its own, at run time and without our formats.
const cursor = (description: string) => Type.Unsafe<string | null>({ type: ['string', 'null'], description })

export const Details = Type.Object({
  ...Order.properties,
  shippingCost: Type.Number({ description: '2 % of totalAmount, rounded half up to the minor unit of the currency' }),
})

export const details = ({ order, shippingCost }: ReceivedOrder) => ({ ...order, shippingCost })

export const DetailsQuery = Type.Object(
  {
    orderId: OrderId,
    minVersion: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'Answer with this version or a later one: the ETag of your own write',
      }),
    ),
    wait: Type.Number({ minimum: 0, maximum: 30, default: 2, description: 'Seconds to wait for minVersion' }),
  },
  closed,
)

export const TopicIds = Type.Object({
  topic: Type.String(),
  count: Type.Integer({ description: 'How many ids this answer holds' }),
  orderIds: Type.Array(Type.String(), { description: 'In order of first arrival' }),
  upToDate: Type.Boolean({ description: 'Everything that was in Kafka when the call came is read' }),
  next: Type.Optional(cursor('With limit or after only: what to pass as after for the next page')),
})

export const TopicIdsQuery = Type.Object(
  {
    topic: Type.String({ minLength: 1, maxLength: 249, description: 'order-events' }),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'Without it: all' })),
    after: Type.Optional(Type.String({ ...OrderId, description: 'Only ids that arrived after this one' })),
  },
  closed,
)

export const Orders = Type.Object({ items: Type.Array(Details), next: cursor('What to pass as after, or null') })

export const OrdersQuery = Type.Object(
  {
    status: Type.Optional(Order.properties.status),
    customerId: Type.Optional(Order.properties.customerId),
    limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
    after: Type.Optional(Type.String({ ...OrderId, description: 'The next of the page before' })),
  },
  closed,
)
