// The HTTP server of the baselines: the cart's application with one route. What is done with a new order is the caller's.

import { maxTotal } from '@inorder/contracts/money.ts'
import { Order } from '@inorder/contracts/order.ts'
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import { Problem } from '@inorder/contracts/problems.ts'
import { createApp } from '@inorder/http/app.ts'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { Type } from 'typebox'
import { created } from './created.ts'

/** Prints its address; answers 201 when `take` has resolved. */
export async function serveCreates(service: string, take: (event: OrderEvent) => Promise<void>): Promise<void> {
  const app = await createApp({
    service,
    logger: pino({ level: 'warn' }),
    metrics: new Registry(),
    ready: async () => [],
    openapi: { title: service, description: 'baseline' },
    access: { HOST: '127.0.0.1' },
  })
  const { orderId, customerId, items } = Order.properties
  const body = Type.Object({ orderId, customerId, items }, { additionalProperties: false })
  app.post('/create-order', { schema: { body } }, async (request, reply) => {
    const event = created(request.body)
    if (event.order.totalAmount > maxTotal) throw new Problem('invalid-request', 'the total is too large')
    await take(event)
    return reply.code(201).send(event.order)
  })
  console.log(await app.listen({ host: '127.0.0.1', port: 0 }))
  process.once('SIGTERM', () => process.exit(0))
}
