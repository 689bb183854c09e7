// The schemas of what this service takes and answers; validation, types and OpenAPI follow from them.
import { Order, OrderId } from '@inorder/contracts/order.ts'
import { OrderVersion } from '@inorder/contracts/timeline.ts'
import { closed, limit, pageOf, textOrNull } from '@inorder/http/schemas.ts'
import { Type } from 'typebox'
import type { ReceivedOrder } from './order.ts'

export const Details = Type.Object(
  {
    ...Order.properties,
    shippingCost: Type.Number({ description: '2 % of totalAmount, rounded half up to the minor unit of the currency' }),
  },
  { title: 'OrderDetails' },
)

export const details = ({ order, shippingCost }: ReceivedOrder) => ({ ...order, shippingCost })

export const DetailsQuery = closed({
  orderId: OrderId,
  minVersion: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Answer with this version or a later one: the ETag of your own write',
    }),
  ),
  wait: Type.Number({ minimum: 0, maximum: 30, default: 2, description: 'Seconds to wait for minVersion' }),
})

export const TopicIds = Type.Object(
  {
    topic: Type.String(),
    count: Type.Integer({ description: 'How many ids this answer holds' }),
    orderIds: Type.Array(Type.String(), { description: 'In order of first arrival' }),
    upToDate: Type.Boolean({ description: 'Everything that was in Kafka when the call came is read' }),
    next: Type.Optional(textOrNull('With limit or after only: what to pass as after for the next page')),
  },
  { title: 'TopicIds' },
)

export const TopicIdsQuery = closed({
  topic: Type.String({ minLength: 1, maxLength: 249, description: 'order-events', examples: ['order-events'] }),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'Without it: all' })),
  after: Type.Optional(Type.String({ ...OrderId, description: 'Only ids that arrived after this one' })),
})

export const Orders = pageOf(Details)

export const OrdersQuery = closed({
  status: Type.Optional(Order.properties.status),
  customerId: Type.Optional(Order.properties.customerId),
  limit,
  after: Type.Optional(Type.String({ ...OrderId, description: 'The next of the page before' })),
})

export const OrderParams = closed({ orderId: OrderId })

export const Versions = pageOf(OrderVersion)

export const VersionsQuery = closed({
  limit,
  after: Type.Integer({
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    default: 0,
    description: 'Only versions above this one: the next of the page before',
  }),
})
