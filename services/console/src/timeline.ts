// One order as all services together know it.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { OrderId } from '@inorder/contracts/order.ts'
import { Problem } from '@inorder/contracts/problems.ts'
import { Timeline } from '@inorder/contracts/timeline.ts'
import { answersOf } from '@inorder/http/answers.ts'
import { closed, inChapter } from '@inorder/http/schemas.ts'
import { resultOf } from './effect-results.ts'
import { type Facts, factsOf, type ServiceFacts } from './facts.ts'
import type { Services } from './services.ts'
import { verdictOf } from './verdict.ts'
import { Viewer } from './viewer.ts'

/** Undefined: every service has answered, and none knows the order. */
export async function timelineOf(viewer: Pick<Viewer, 'ask'>, orderId: string): Promise<Timeline | undefined> {
  const facts = await factsOf(viewer, orderId)
  const all = Object.entries(facts.services)
  const isKnown = all.some(([, { appliedVersion, fault }]) => appliedVersion !== null || fault !== null)
  if (!isKnown && facts.outbox.length === 0 && facts.hold === null) return undefined
  return {
    orderId,
    verdict: verdictOf(facts),
    versions: facts.versions,
    services: Object.fromEntries(all.map(([name, told]) => [name, shown(told, facts)])),
    outbox: facts.outbox,
  }
}

const shown = (
  { fault, appliedVersion, appliedAt, eventId, skipped, status, parked, effects }: ServiceFacts,
  facts: Facts,
) => ({
  reachable: fault === null,
  appliedVersion,
  appliedAt,
  ...(eventId !== null && { eventId }),
  ...(skipped.length > 0 && { skipped }),
  status,
  parked,
  effects: effects.map((effect) => {
    const result = resultOf(effect, facts)
    return { ...effect, ...(result !== undefined && { result }) }
  }),
})

export const timelineRoutes =
  (services: Services): FastifyPluginAsyncTypebox =>
  async (app) => {
    inChapter(app, 'orders')
    // A service of another release may lack a field: what it tells is told on as it is, and is no error of this one.
    app.setSerializerCompiler(() => JSON.stringify)
    app.get(
      '/timeline/:orderId',
      {
        schema: {
          operationId: 'getTimeline',
          summary: 'An order in all services, and why it stands where it does',
          params: closed({ orderId: OrderId }),
          response: { 200: Timeline, ...answersOf('order-not-found') },
        },
      },
      async ({ params: { orderId }, headers }) => {
        const timeline = await timelineOf(new Viewer(services, headers), orderId)
        if (!timeline) throw new Problem('order-not-found', `No service knows an order ${orderId}.`)
        return timeline
      },
    )
  }
