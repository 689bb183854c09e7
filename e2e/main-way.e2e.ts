// The way of an order: HTTP to the cart, Kafka, the order service's answers.
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { assertArrived } from './arrival.ts'
import { sharedStack } from './shared-stack.ts'
import { type OrderDetails, Shop, versionOf } from './shop.ts'
import { decode, eventsByOrder, readTopic } from './topic.ts'

suite('the main way', () => {
  let stack: Stack
  let shop: Shop
  before(async () => {
    stack = await sharedStack()
    shop = new Shop(stack)
  })

  test('a created order is in the order service within a second, to the last digit, with its shipping cost', async () => {
    const order = {
      orderId: 'exact',
      customerId: 'c-17',
      orderDate: '2026-11-23T14:20:19.007Z',
      items: [
        { itemId: 'i-1', quantity: 3, price: 0.1 },
        { itemId: 'i-2', quantity: 1, price: 99_999_999.9999 },
        { itemId: 'i-3', quantity: 7, price: 0 },
      ],
      currency: 'USD',
      status: 'paid',
    }
    const created = await shop.create('exact', {}, order)
    assert.equal(created.status, 201, created.text)
    assert.equal(created.headers.etag, '"1"')
    assert.equal(created.headers['event-delivery'], 'delivered')
    assert.equal(created.headers.location, '/orders/exact')
    assert.deepEqual(created.json(), { ...order, totalAmount: 100_000_000.2999 })
    assert.match(created.text, /"totalAmount":100000000\.2999\b/)

    const details = await shop.details('exact', { minVersion: 1, wait: 1 })
    assert.equal(details.status, 200, details.text)
    assert.equal(details.headers.etag, '"1"')
    assert.deepEqual(details.json(), { ...order, totalAmount: 100_000_000.2999, shippingCost: 2_000_000.01 })
    const inCart = await shop.inCart('exact')
    assert.deepEqual(inCart.json(), created.json())
    assert.equal(inCart.headers.etag, '"1"')

    const record = (await readTopic(stack.address('kafka'), 'order-events')).find((r) => r.key?.toString() === 'exact')
    assert.ok(record)
    const event = await decode(stack.address('registry'), record.value)
    assert.equal(event.type, 'OrderCreated')
    assert.equal(event.previousStatus, null)
    assert.equal(event.order.orderDate, Date.parse(order.orderDate))
    assert.equal(BigInt(`0x${event.order.totalAmount.toString('hex')}`), 1_000_000_002_999n)
    const headers = Object.fromEntries([...record.headers].map(([name, value]) => [name, value.toString()]))
    assert.equal(headers.ce_id, event.eventId)
    assert.match(headers.traceparent ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)
    assert.deepEqual(
      [headers.ce_specversion, headers.ce_source, headers.ce_type, headers.ce_subject, headers['content-type']],
      ['1.0', '/inorder/cart', 'OrderCreated', 'exact', 'application/avro'],
    )
    assert.equal(headers['order-version'], '1')
    assert.equal(Date.parse(headers.ce_time ?? ''), event.occurredAt)
  })

  test('shipping cost is 2 % of the total, rounded half up to the minor unit of the currency', async () => {
    const costs: [currency: string, total: number, shippingCost: number][] = [
      ['USD', 2.25, 0.05],
      ['USD', 2.24, 0.04],
      ['USD', 12.75, 0.26],
      ['USD', 0, 0],
      ['JPY', 25, 1],
      ['JPY', 24, 0],
      ['HUF', 100.25, 2.01],
      ['IQD', 0.025, 0.001],
      ['IQD', 0.0249, 0],
    ]
    for (const [n, [currency, price, shippingCost]] of costs.entries()) {
      const orderId = `cost-${n}`
      const items = [{ itemId: 'i-1', quantity: 1, price }]
      assert.equal((await shop.create(orderId, {}, { orderId, customerId: 'c-cost', items, currency })).status, 201)
      const details = await shop.details(orderId, { minVersion: 1 })
      assert.equal(details.json<OrderDetails>().shippingCost, shippingCost, `${price} ${currency}`)
    }
  })

  test('a generated order has what was asked for', async () => {
    const order = (await shop.create('generated', {}, { orderId: 'generated', itemsNum: 100 })).json<OrderDetails>()
    assert.equal(order.items.length, 100)
    assert.equal(order.currency, 'USD')
    assert.equal(order.status, 'new')
    assert.match(order.orderDate, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    assert.ok(Math.abs(Date.parse(order.orderDate) - Date.now()) < 60_000)
    const units = (n: number) => BigInt(Math.round(n * 10_000))
    const sum = order.items.reduce((total, { price, quantity }) => total + units(price) * BigInt(quantity), 0n)
    assert.equal(units(order.totalAmount), sum)
  })

  test('read your own write: minVersion waits for the version that the update answered', async () => {
    for (let version = 1; version <= 10; version++) {
      const answer = version === 1 ? await shop.create('own') : await shop.update('own', `status-${version}`)
      assert.equal(answer.status, version === 1 ? 201 : 200, answer.text)
      assert.equal(versionOf(answer), version)
      assert.equal(answer.headers['event-delivery'], 'delivered')
      const details = await shop.details('own', { minVersion: version, wait: 1 })
      assert.equal(details.status, 200, details.text)
      assert.equal(versionOf(details), version)
      assert.equal(details.json().status, answer.json().status)
    }
  })

  test('minVersion waits for an order that is not there yet', async () => {
    const waiting = shop.details('later', { minVersion: 2, wait: 30 })
    assert.equal((await shop.create('later')).status, 201)
    assert.equal((await shop.update('later', 'paid')).status, 200)
    const details = await waiting
    assert.equal(details.status, 200, details.text)
    assert.equal(versionOf(details), 2)
    assert.ok(details.ms < 10_000, `answered when it was there, not at the end of the wait: ${details.ms} ms`)
  })

  test('getAllOrderIdsFromTopic has every id once, in order of first arrival, and pages the same', async () => {
    const created = Array.from({ length: 25 }, (_, n) => `in-order-${(n * 7) % 25}`)
    for (const orderId of created) {
      await shop.create(orderId)
      assert.equal((await shop.details(orderId, { minVersion: 1 })).status, 200)
      await shop.update(orderId, 'paid')
    }
    const all = await until('it is up to date', async () => {
      const ids = await shop.topicIds()
      return ids.upToDate && ids
    })
    assert.equal(all.topic, 'order-events')
    assert.equal(all.count, all.orderIds.length)
    assert.equal(new Set(all.orderIds).size, all.count)
    assert.deepEqual(
      all.orderIds.filter((id) => created.includes(id)),
      created,
    )
    const log = await eventsByOrder(stack.address('kafka'), stack.address('registry'))
    assert.deepEqual(new Set(all.orderIds), new Set(log.keys()))

    const paged: string[] = []
    for (let after: string | null | undefined; after !== null; ) {
      const page = await shop.topicIds({ limit: 7, ...(after !== undefined && { after }) })
      assert.equal(page.count, page.orderIds.length)
      assert.ok(page.count <= 7)
      paged.push(...page.orderIds)
      assert.notEqual(page.next, undefined, 'a page names the next one, or null')
      after = page.next
    }
    assert.deepEqual(paged, all.orderIds)
  })

  test('GET /orders pages through the orders with a status or of a customer', async () => {
    const items = [{ itemId: 'i-1', quantity: 1, price: 1 }]
    const mine = Array.from({ length: 12 }, (_, n) => `listed-${String(n).padStart(2, '0')}`)
    await Promise.all(mine.map((orderId) => shop.create(orderId, {}, { orderId, customerId: 'lister', items })))
    for (const orderId of mine) assert.equal((await shop.details(orderId, { minVersion: 1 })).status, 200)
    await shop.update('listed-03', 'listed apart')
    await shop.details('listed-03', { minVersion: 2 })
    type List = { items: OrderDetails[]; next: string | null }
    const seen: string[] = []
    for (let next: string | null = ''; next !== null; ) {
      const after: string = next && `&after=${encodeURIComponent(next)}`
      const page: List = (await shop.toOrder(`/orders?customerId=lister&limit=5${after}`)).json()
      seen.push(...page.items.map((order) => order.orderId))
      next = page.next
    }
    assert.deepEqual(seen, mine)
    const apart = (await shop.toOrder('/orders?status=listed%20apart')).json<List>()
    assert.deepEqual(
      apart.items.map((order) => [order.orderId, order.shippingCost]),
      [['listed-03', 0.02]],
    )
  })

  test('5 updates at once on each of 50 orders end right everywhere', async () => {
    const orders = Array.from({ length: 50 }, (_, n) => `parallel-${n}`)
    for (const answer of await Promise.all(orders.map((id) => shop.create(id)))) assert.equal(answer.status, 201)
    const changed = new Map<string, string[]>(orders.map((id) => [id, ['new']]))
    const updates = orders.flatMap((id) => [1, 2, 3, 4, 5].map((n) => ({ id, status: `status-${n}` })))
    await Promise.all(
      updates.map(async ({ id, status }) => {
        const answer = await shop.update(id, status)
        assert.equal(answer.status, 200, answer.text)
        const statuses = changed.get(id) ?? []
        assert.equal(
          statuses[versionOf(answer) - 1],
          undefined,
          `version ${versionOf(answer)} of ${id} was given twice`,
        )
        statuses[versionOf(answer) - 1] = status
      }),
    )
    for (const statuses of changed.values()) assert.equal(statuses.length, 6)
    await assertArrived(stack, shop, changed)
  })
})
