// The whole shop: what an order's way through its statuses looks like in every service.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, suite, test } from 'node:test'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { spans, traced } from './collector.ts'
import { send } from './http.ts'
import { sharedStack } from './shared-stack.ts'
import { type ParkedKey, Shop } from './shop.ts'
import { sql } from './sql.ts'
import { changedEvent, decode, produce, readTopic } from './topic.ts'

interface Line {
  level: string
  service: string
  instance: string
  msg: string
  key?: string
  version?: number
  kind?: string
  request_id?: string
  changes?: [key: string, version: number | null, request: string | null][]
}

/** Of all instances of a service. */
const linesOf = ({ data }: Stack, service: string): Line[] =>
  globSync(`logs/${service}{,-2}.log`, { cwd: data })
    .flatMap((file) => readFileSync(join(data, file), 'utf8').split('\n'))
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line))

type Change = NonNullable<Line['changes']>[number]

/** What the lines of a log tell of, one by one or together. */
const changesIn = (stack: Stack, service: string): Change[] =>
  linesOf(stack, service).flatMap(
    ({ changes, key = '', version = null, request_id = null }): Change[] => changes ?? [[key, version, request_id]],
  )

suite('one order in all services', () => {
  let stack: Stack
  let shop: Shop
  before(async () => {
    stack = await sharedStack({ env: await traced() })
    shop = new Shop(stack)
    const stock = await send(`${stack.url('inventory')}/stock/pen`, { method: 'PUT', body: { onHand: 1_000 } })
    assert.equal(stock.status, 200, stock.text)
  })

  const body = (orderId: string) => ({
    orderId,
    customerId: 'c-1',
    items: [{ itemId: 'pen', quantity: 2, price: 50.25 }],
  })

  /** Creates the order, and goes on to each status once the one before it has shown everywhere. */
  async function go(orderId: string, ...way: [status: string, seen: Seen][]): Promise<void> {
    for (const [i, [status, seen]] of way.entries()) {
      const answer = i === 0 ? await shop.create(orderId, {}, body(orderId)) : await shop.update(orderId, status)
      assert.equal(answer.status, i === 0 ? 201 : 200, answer.text)
      await shows(orderId, status, seen)
    }
  }

  interface Seen {
    inventory: string
    billing: string
    shipping: string
  }
  async function seenOf(orderId: string): Promise<unknown> {
    const statusAt = async (service: string, path: string) => {
      const answer = await send(`${stack.url(service)}${path}${orderId}`)
      return answer.status === 200 ? answer.json<{ status: string }>().status : answer.status
    }
    return {
      order: await statusAt('order', '/order-details?orderId='),
      inventory: await statusAt('inventory', '/reservations/'),
      billing: await statusAt('billing', '/invoices/'),
      shipping: await statusAt('shipping', '/shipments/'),
    }
  }
  const shows = (orderId: string, status: string, seen: Seen) =>
    until(`${orderId}, ${status}, shows as ${JSON.stringify(seen)}`, async () => {
      const now = await seenOf(orderId)
      try {
        assert.deepEqual(now, { order: status, ...seen })
        return true
      } catch {
        throw new Error(JSON.stringify(now))
      }
    })
  const seen = (inventory: string, billing: string, shipping: string): Seen => ({ inventory, billing, shipping })

  const placed = ['new', seen('reserved', 'draft', 'quoted')] as [string, Seen]
  const confirmed = ['confirmed', seen('reserved', 'charged', 'quoted')] as [string, Seen]
  const shipped = ['shipped', seen('shipped', 'charged', 'dispatched')] as [string, Seen]
  const delivered = ['delivered', seen('shipped', 'charged', 'delivered')] as [string, Seen]

  test('new, confirmed, shipped, delivered: each service has done its part', async () => {
    await go('whole', placed, confirmed, shipped, delivered)
    const { items } = (await send(`${stack.url('payment')}/deeds?orderId=whole`)).json<{
      items: { action: string }[]
    }>()
    assert.deepEqual(
      items.map(({ action }) => action),
      ['charges'],
    )
  })

  test('the logs of all services tell the whole way of an order, by its id and by the id of the request', async () => {
    const created = await shop.create('told', { 'x-request-id': 'told-1' }, body('told'))
    assert.equal(created.status, 201, created.text)
    await shows('told', ...placed)
    assert.equal((await shop.update('told', 'confirmed', { 'x-request-id': 'told-2' })).status, 200)
    await shows('told', ...confirmed)
    for (const service of ['cart', 'order', 'inventory', 'billing', 'shipping'])
      await until(`${service} has told of both versions`, () => {
        const told = changesIn(stack, service).filter(([key]) => key === 'told')
        return [1, 2].every((version) =>
          told.some(([, of, request]) => of === version && request === `told-${version}`),
        )
      })
    const charge = linesOf(stack, 'billing').find(({ key, kind }) => key === 'told' && kind === 'charge')
    assert.deepEqual([charge?.msg, charge?.version, charge?.request_id], ['effect done', 2, 'told-2'])
  })

  test('one trace from the request over the outbox and Kafka to the transaction of each service and to the charge', async () => {
    assert.equal((await shop.create('traced', {}, body('traced'))).status, 201)
    await shows('traced', ...placed)
    const traceId = randomBytes(16).toString('hex')
    const traceparent = `00-${traceId}-${randomBytes(8).toString('hex')}-01`
    assert.equal((await shop.update('traced', 'confirmed', { traceparent })).status, 200)
    await shows('traced', ...confirmed)
    const expected = [
      'cart: PUT /update-order',
      'cart: outbox',
      'cart: publish',
      ...['order', 'inventory', 'billing', 'shipping'].map((service) => `${service}: apply`),
      'billing: effect charge',
      'payment: POST /charges',
    ]
    const ofTrace = () => spans.filter((span) => span.traceId === traceId)
    const nameOf = ({ service, name }: { service: string; name: string }) => `${service}: ${name}`
    await until('all its spans are there', () => {
      const missing = new Set(expected).difference(new Set(ofTrace().map(nameOf)))
      if (missing.size > 0) throw new Error([...missing].join())
      return true
    })
    const byId = new Map(ofTrace().map((span) => [span.spanId, span]))
    const root = ofTrace().find((span) => nameOf(span) === 'cart: PUT /update-order')
    for (const span of ofTrace()) {
      let first = span
      for (let parent = byId.get(first.parentSpanId ?? ''); parent; parent = byId.get(first.parentSpanId ?? ''))
        first = parent
      assert.equal(first, root, `${nameOf(span)} comes from the request`)
    }
    assert.ok(
      spans.every((span) => span.traceId === traceId),
      'nothing else was sampled',
    )
  })

  test('cancelled at each stage', async () => {
    await go('early', placed, ['cancelled', seen('released', 'voided', 'cancelled')])
    await go('charged', placed, confirmed, ['cancelled', seen('released', 'refunded', 'cancelled')])
    await go('gone', placed, confirmed, shipped, ['cancelled', seen('shipped', 'refunded', 'recalled')])
    await go('there', placed, confirmed, shipped, delivered, ['cancelled', seen('shipped', 'refunded', 'delivered')])
  })

  test('billing cannot take an order: the others go on; redriven, it ends as if nothing had been', async () => {
    const billing = stack.databaseUrl('billing')
    await sql(billing, `ALTER TABLE invoices ADD CONSTRAINT no_trouble CHECK (order_id <> 'trouble')`)
    const without = (status: string, { inventory, shipping }: Seen) =>
      shows('trouble', status, { inventory, billing: 404 as unknown as string, shipping })
    assert.equal((await shop.create('trouble', {}, body('trouble'))).status, 201)
    await without(...placed)
    for (const [status, expected] of [confirmed, shipped, delivered]) {
      assert.equal((await shop.update('trouble', status)).status, 200)
      await without(status, expected)
    }
    const parked = (await send(`${stack.url('billing')}/ops/parked/trouble`)).json<{ events: { state: string }[] }>()
    assert.deepEqual(
      parked.events.map(({ state }) => state),
      ['head', 'behind', 'behind', 'behind'],
    )
    await go('beside', placed, confirmed)

    await sql(billing, 'ALTER TABLE invoices DROP CONSTRAINT no_trouble')
    const redriven = await send(`${stack.url('billing')}/ops/parked/trouble/redrive`, { method: 'POST', body: {} })
    assert.deepEqual([redriven.status, redriven.json()], [200, { key: 'trouble', applied: 4, remaining: 0 }])
    await shows('trouble', ...delivered)
  })

  test('a foreign event that no index could take is parked by every service alike, and the others go on', async () => {
    const [kafka, registry] = [stack.address('kafka'), stack.address('registry')]
    await go('measure', placed)
    const record = (await readTopic(kafka, 'order-events')).find(({ key }) => key?.toString() === 'measure')
    assert.ok(record?.value)
    const { order } = await decode(registry, record.value)
    // Random, so that no index row is compressed until it fits.
    const long = randomBytes(4_500).toString('hex')
    for (const field of ['customerId', 'status'] as const) {
      const next = { version: 2, eventId: crypto.randomUUID(), order: { ...order, [field]: long } }
      await produce(kafka, 'order-events', [
        { key: Buffer.from('measure'), value: await changedEvent(registry, record.value, next) },
      ])
    }
    for (const service of ['order', 'inventory', 'billing', 'shipping']) {
      const parked = await until(`both are parked in ${service}`, async () => {
        const answer = await send(`${stack.url(service)}/ops/parked/measure`)
        const { events } = answer.status === 200 ? answer.json<ParkedKey>() : { events: [] }
        return events.length === 2 && events
      })
      assert.deepEqual(
        parked.map(({ state, cause }) => [state, cause]),
        [
          ['head', 'out-of-bounds'],
          ['behind', 'out-of-bounds'],
        ],
        service,
      )
      assert.match(parked[0]!.detail, /order\.customerId is too long/)
    }
    await go('beside-the-long-one', placed, confirmed)
  })
})
