// The operator's view of a consumer: what is parked and why, how far it has read, where one order stands.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { problem } from '@inorder/contracts/problems.ts'
import { Type } from 'typebox'
import { answersOf } from './answers.ts'

/** What a consumer tells its operator; the inbox of packages/messaging gives it. */
export interface Ops {
  parkedOrders(query: {
    cause?: string
    limit: number
    after?: string
  }): Promise<{ items: ParkedOrder[]; next: string | null }>
  /** Undefined when nothing of it is parked. */
  parkedOf(orderId: string): Promise<ParkedDetail | undefined>
  positions(): Promise<PartitionPosition[]>
  /** Undefined when no record of it ever came. */
  orderState(orderId: string): Promise<OrderState | undefined>
}

export interface ParkedOrder {
  orderId: string
  cause: string
  count: number
  since: string
  event: string
}

export interface ParkedEvent {
  event: string
  state: string
  cause: string
  detail: string
  version: number | null
  parkedAt: string
  attempts: number
}

export interface ParkedDetail {
  orderId: string
  appliedVersion: number
  events: ParkedEvent[]
}

export interface OrderState extends ParkedDetail {
  eventId: string | null
  appliedAt: string | null
  held: boolean
}

export interface PartitionPosition {
  partition: number
  next: number
  end: number | null
  lag: number | null
}

const time = Type.String({ format: 'date-time' })
const parkedEvent = Type.Object({
  event: Type.String({ description: 'topicId/partition/offset' }),
  state: Type.String({ description: 'head, behind, waiting (a gap) or conflict' }),
  cause: Type.String(),
  detail: Type.String(),
  version: Type.Union([Type.Integer(), Type.Null()]),
  parkedAt: time,
  attempts: Type.Integer(),
})
const parkedDetail = Type.Object({
  orderId: Type.String(),
  appliedVersion: Type.Integer(),
  events: Type.Array(parkedEvent),
})
const parkedOrder = Type.Object({
  orderId: Type.String(),
  cause: Type.String(),
  count: Type.Integer(),
  since: time,
  event: Type.String(),
})
const position = Type.Object({
  partition: Type.Integer(),
  next: Type.Integer(),
  end: Type.Union([Type.Integer(), Type.Null()]),
  lag: Type.Union([Type.Integer(), Type.Null()]),
})
const orderState = Type.Object({
  orderId: Type.String(),
  appliedVersion: Type.Integer(),
  eventId: Type.Union([Type.String(), Type.Null()]),
  appliedAt: Type.Union([time, Type.Null()]),
  held: Type.Boolean(),
  events: Type.Array(parkedEvent),
})

// An order id may also be `@topic:partition:offset`, which is longer than an id by the topic's name.
const params = Type.Object(
  { orderId: Type.String({ minLength: 1, maxLength: 512, format: 'text' }) },
  { additionalProperties: false },
)
const parkedQuery = Type.Object(
  {
    cause: Type.Optional(Type.String({ minLength: 1, maxLength: 64, format: 'text' })),
    limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
    after: Type.Optional(Type.String({ minLength: 1, maxLength: 1024, format: 'text' })),
  },
  { additionalProperties: false },
)

export function opsRoutes(ops: Ops): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/ops/parked',
      {
        schema: {
          summary: 'Orders with parked events',
          tags: ['ops'],
          querystring: parkedQuery,
          response: {
            200: Type.Object({ items: Type.Array(parkedOrder), next: Type.Union([Type.String(), Type.Null()]) }),
            ...answersOf('invalid-request'),
          },
        },
      },
      ({ query }) => ops.parkedOrders(query),
    )

    app.get(
      '/ops/parked/:orderId',
      {
        schema: {
          summary: 'What is parked of one order',
          tags: ['ops'],
          params,
          response: { 200: parkedDetail, ...answersOf('invalid-request', 'nothing-parked') },
        },
      },
      async ({ params }) => {
        const detail = await ops.parkedOf(params.orderId)
        if (!detail) throw problem('nothing-parked', `Nothing is parked of ${params.orderId}.`)
        return detail
      },
    )

    app.get(
      '/ops/positions',
      {
        schema: {
          summary: 'How far each partition is applied',
          tags: ['ops'],
          response: { 200: Type.Object({ items: Type.Array(position), next: Type.Null() }) },
        },
      },
      async () => ({ items: await ops.positions(), next: null }),
    )

    app.get(
      '/ops/orders/:orderId',
      {
        schema: {
          summary: "An order's whole state here",
          tags: ['ops'],
          params,
          response: { 200: orderState, ...answersOf('invalid-request', 'order-not-found') },
        },
      },
      async ({ params }) => {
        const state = await ops.orderState(params.orderId)
        if (!state) throw problem('order-not-found', `No record of ${params.orderId} ever came.`)
        return state
      },
    )
  }
}
