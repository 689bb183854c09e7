// That what the cart accepted is everywhere: in its own answers, in the log, in the order service; in order, and once.
import assert from 'node:assert/strict'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { type Shop, versionOf } from './shop.ts'
import { sql } from './sql.ts'
import { eventsByOrder } from './topic.ts'

/** What a client knows of a request that it made once. */
export type Outcome = 'stored' | 'refused' | 'unknown'

/** Outbox empty, and everything in Kafka read. */
export async function untilQuiet(stack: Stack, shop: Shop, limit?: number): Promise<void> {
  await until('the outbox is empty', async () => (await outboxRows(stack)) === 0, limit)
  await until(
    'everything in Kafka is read',
    async () => {
      const { items } = (await shop.toOrder('/ops/positions')).json<{ items: { lag: number | null }[] }>()
      return items.length > 0 && items.every(({ lag }) => lag === 0)
    },
    limit,
  )
}

export async function outboxRows(stack: Stack): Promise<number> {
  const [row] = await sql<{ rows: number }>(stack.databaseUrl('cart'), 'SELECT count(*)::int AS rows FROM outbox')
  return row?.rows ?? 0
}

export async function assertArrived(
  stack: Stack,
  shop: Shop,
  changed: Map<string, string[]>,
  once = new Map<string, Outcome>(),
): Promise<void> {
  await untilQuiet(stack, shop)
  const log = await eventsByOrder(stack.address('kafka'), stack.address('registry'))
  const { orderIds, upToDate } = await shop.topicIds()
  assert.equal(upToDate, true)
  assert.equal(new Set(orderIds).size, orderIds.length, 'an id is listed twice')
  assert.deepEqual(new Set(orderIds), new Set(log.keys()))

  await inParallel(changed, async ([orderId, statuses]) => {
    if (statuses.length === 0) return
    const events = log.get(orderId)?.map(({ version, order }) => `${version} ${order.status}`)
    assert.deepEqual(
      events,
      statuses.map((status, n) => `${n + 1} ${status}`),
      `the log of ${orderId}`,
    )
    for (const answer of await Promise.all([shop.inCart(orderId), shop.details(orderId)])) {
      assert.equal(answer.status, 200, `${orderId}: ${answer.text}`)
      assert.equal(versionOf(answer), statuses.length, orderId)
      assert.equal(answer.json().status, statuses.at(-1), orderId)
    }
  })
  await inParallel(once, async ([orderId, outcome]) => {
    const [inCart, details] = await Promise.all([shop.inCart(orderId), shop.details(orderId)])
    const there = { stored: [200], refused: [404], unknown: [200, 404] }[outcome]
    assert.ok(there.includes(inCart.status), `${orderId}, ${outcome}: ${inCart.status} ${inCart.text}`)
    assert.equal(details.status, inCart.status, `${orderId} is not the same in the order service: ${details.text}`)
    assert.equal(log.get(orderId)?.length ?? 0, inCart.status === 200 ? 1 : 0, `events of ${orderId}`)
  })
  assert.deepEqual((await shop.toOrder('/ops/parked')).json().items, [])
}

async function inParallel<T>(all: Iterable<T>, each: (one: T) => Promise<void>, workers = 16): Promise<void> {
  const rest = all[Symbol.iterator]()
  const work = async () => {
    for (let next = rest.next(); !next.done; next = rest.next()) await each(next.value)
  }
  await Promise.all(Array.from({ length: workers }, work))
}
