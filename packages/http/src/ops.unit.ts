import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { createApp } from './app.ts'
import { type Ops, opsRoutes } from './ops.ts'

const parkedEvent = {
  event: 'b2f7d1f0-0000-4000-8000-000000000000/3/17',
  state: 'head',
  cause: 'undecodable',
  detail: 'truncated',
  version: null,
  parkedAt: '2026-11-23T14:20:19.000Z',
  attempts: 1,
}
const detail = (orderId: string) => ({ orderId, appliedVersion: 2, events: [parkedEvent] })

/** An app over a consumer that has parked something of every order but `healthy`, and knows none that is `unknown`. */
async function appOf(queries: unknown[] = []) {
  const ops: Ops = {
    parkedOrders: async (query) => {
      queries.push(query)
      const { event, cause, parkedAt: since } = parkedEvent
      return { items: [{ orderId: 'o-1', cause, count: 3, since, event }], next: 'o-1' }
    },
    parkedOf: async (orderId) => (orderId === 'healthy' ? undefined : detail(orderId)),
    positions: async () => [{ partition: 0, next: 5, end: null, lag: null }],
    orderState: async (orderId) =>
      orderId === 'unknown' ? undefined : { ...detail(orderId), eventId: null, appliedAt: null, held: true },
  }
  const app = await createApp({
    service: 'test',
    logger: pino({ level: 'silent' }),
    metrics: new Registry(),
    ready: async () => [],
    openapi: { title: 'Test', description: 'The operator’s routes.' },
  })
  await app.register(opsRoutes(ops))
  return app
}

test('parked orders are listed with their cause, a hundred at a time unless told otherwise', async () => {
  const queries: unknown[] = []
  const app = await appOf(queries)
  const answer = await app.inject('/ops/parked')
  assert.equal(answer.statusCode, 200)
  const { items, next } = answer.json()
  assert.deepEqual(Object.keys(items[0]), ['orderId', 'cause', 'count', 'since', 'event'])
  assert.equal(next, 'o-1')
  await app.inject('/ops/parked?cause=gap&limit=7&after=o-1')
  assert.deepEqual(structuredClone(queries), [{ limit: 100 }, { cause: 'gap', limit: 7, after: 'o-1' }])
  const bad = await app.inject('/ops/parked?limit=0&cause=&after=%00')
  assert.equal(bad.statusCode, 400)
  assert.deepEqual(
    bad
      .json()
      .errors.map(({ field }: { field: string }) => field)
      .sort(),
    ['after', 'cause', 'limit'],
  )
})

test('one order, or one record that belongs to none', async () => {
  const app = await appOf()
  const odd = '@order-events:3:17'
  for (const id of ['o-1', odd, 'ü/ß 100%']) {
    const answer = await app.inject(`/ops/parked/${encodeURIComponent(id)}`)
    assert.deepEqual(answer.json(), detail(id))
  }
  assert.deepEqual((await app.inject(`/ops/parked/${odd}`)).json(), detail(odd), 'also as it is written')
  const none = await app.inject('/ops/parked/healthy')
  assert.equal(none.statusCode, 404)
  assert.match(none.json().type, /nothing-parked$/)
})

test('positions, with null where Kafka gave no answer, and an order’s whole state', async () => {
  const app = await appOf()
  const positions = (await app.inject('/ops/positions')).json()
  assert.deepEqual(positions, { items: [{ partition: 0, next: 5, end: null, lag: null }], next: null })
  const state = (await app.inject('/ops/orders/o-1')).json()
  assert.deepEqual(state, { ...detail('o-1'), eventId: null, appliedAt: null, held: true })
  const unknown = await app.inject('/ops/orders/unknown')
  assert.equal(unknown.statusCode, 404)
  assert.match(unknown.json().type, /order-not-found$/)
  for (const path of ['/ops/orders/%00', '/ops/parked/%00'])
    assert.equal((await app.inject(path)).statusCode, 400, path)
})
