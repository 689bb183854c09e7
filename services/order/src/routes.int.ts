import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '@inorder/testing/until.ts'
import {
  details,
  orderEvent,
  type RunningOrder,
  type Surroundings,
  startOrder,
  surroundings,
  traceId,
} from './running-order.fixture.ts'
import { save } from './store.ts'

let world: Surroundings
let order: RunningOrder

before(async () => {
  world = await surroundings()
  order = await startOrder(world)
})
after(async () => {
  await order.close()
  await world.close()
})

test('order-details: the order as published, its shipping cost and its version', async () => {
  const created = orderEvent('o ä/1')
  await world.publish(created, orderEvent('o ä/1', 2, { status: 'paid' }))
  const answer = await order.get(details('o ä/1', '&minVersion=2&wait=30'))
  assert.equal(answer.headers.get('etag'), '"2"')
  assert.deepEqual(await answer.json(), { ...created.order, status: 'paid', shippingCost: 0.8 })
  await order.problem(details('unknown'), 404, 'order-not-found')
})

test('order-details names every bad parameter', async () => {
  const bad: [path: string, fields: string[]][] = [
    ['/order-details', ['orderId']],
    [details(''), ['orderId']],
    [details('a'.repeat(129)), ['orderId']],
    [details('a\0'), ['orderId']],
    [details('a', '&orderId=b'), ['orderId']],
    [details('a', '&minVersion=0'), ['minVersion']],
    [details('a', '&minVersion=1.0'), ['minVersion']],
    [details('a', '&minVersion=01'), ['minVersion']],
    [details('a', '&minVersion=1.5&wait=31'), ['minVersion', 'wait']],
    [details('a', '&minVersion=1&wait=-1'), ['wait']],
    [details('a', '&minVersion=1&wait=soon'), ['wait']],
    [details('a', '&version=1'), ['version']],
  ]
  for (const [path, fields] of bad) await order.problem(path, 400, 'invalid-request', fields)
})

test('minVersion waits for the event, and ends with 503, never 404', async () => {
  const waiting = order.get(details('awaited', '&minVersion=1&wait=30'))
  await world.publish(orderEvent('awaited'))
  assert.equal((await waiting).status, 200)

  assert.match(await order.problem(details('awaited', '&minVersion=2&wait=0.1'), 503, 'not-yet-processed'), /version 1/)
  await order.problem(details('never', '&minVersion=1&wait=0'), 503, 'not-yet-processed')
  await order.problem(details('never', '&wait=0'), 404, 'order-not-found')
})

test("minVersion sees what another instance's inbox has committed", async (t) => {
  const expect = t.mock.method(order.waits, 'expect')
  const waiting = order.get(details('elsewhere', '&minVersion=3&wait=30'))
  await until('it is registered', () => expect.mock.callCount() > 0)
  // A second one looks at the database after the first has.
  await order.problem(details('elsewhere', '&minVersion=1&wait=0'), 503, 'not-yet-processed')
  const saved = performance.now()
  const event = orderEvent('elsewhere', 3)
  const state = { order: event.order, version: 3, shippingCost: 0.8 }
  await save(world.direct, new Map([['elsewhere', state]]), [{ key: 'elsewhere', event, record: undefined }])
  assert.equal((await waiting).status, 200)
  assert.ok(performance.now() - saved < 10_000, 'answered when it was there, not at the end of the wait')
})

test('a service that stops answers those who wait, and is not held up by them', async (t) => {
  const stopping = await startOrder(world)
  const expect = t.mock.method(stopping.waits, 'expect')
  const waiting = stopping.get(details('never', '&minVersion=1&wait=30'))
  await until('it waits', () => expect.mock.callCount() > 0)
  const begun = performance.now()
  await stopping.close()
  assert.equal((await waiting).status, 503)
  assert.ok(performance.now() - begun < 20_000)
})

interface List {
  items: Record<string, unknown>[]
  next: string | null
}

test('GET /orders: filtered pages of what order-details answers', async () => {
  const ids = ['list-1', 'list-2', 'list-3']
  await world.publish(
    ...ids.map((id) => orderEvent(id, 1, { customerId: 'lister', status: id === 'list-2' ? 'paid & sent' : 'new' })),
  )
  for (const id of ids) await order.get(details(id, '&minVersion=1&wait=30'))
  const first = await order.json<List>('/orders?customerId=lister&limit=2')
  assert.deepEqual(first.items, [await order.json(details('list-1')), await order.json(details('list-2'))])
  assert.equal(first.next, 'list-2')
  const second = await order.json<List>('/orders?customerId=lister&limit=2&after=list-2')
  assert.deepEqual([second.items.map((one) => one.orderId), second.next], [['list-3'], null])
  const paid = await order.json<List>('/orders?customerId=lister&status=paid%20%26%20sent')
  assert.deepEqual([paid.items.map((one) => one.orderId), paid.next], [['list-2'], null])
  assert.ok((await order.json<List>('/orders')).items.length > 3)
  for (const limit of ['0', '1001', 'x', '1.5'])
    await order.problem(`/orders?limit=${limit}`, 400, 'invalid-request', ['limit'])
})

test('each handled order is a line of the log; a batch of more than 5 is one', async () => {
  const line = await until('it is logged', () =>
    order.lines.find(
      ({ msg, key, changes }) => msg === 'event applied' && (key === 'list-1' || named(changes, 'list-1')),
    ),
  )
  assert.ok(line.version === 1 || Array.isArray(line.changes))
  const many = Array.from({ length: 400 }, (_, n) => `batch-${n}`)
  await world.publish(...many.map((id) => orderEvent(id)))
  for (const id of many) await order.get(details(id, '&minVersion=1&wait=30'))
  const alone = order.lines.filter(({ key }) => String(key).startsWith('batch-'))
  const batches = order.lines.filter(({ changes }) => named(changes, 'batch-'))
  const sum = batches.reduce((before, { changes }) => before + (changes as unknown[]).length, 0)
  assert.ok(batches.length > 0)
  assert.equal(alone.length + sum, many.length)
})

const named = (changes: unknown, key: string) => Array.isArray(changes) && changes.some(([one]) => one.startsWith(key))

test('an order in no currency is parked, and the others go on', async () => {
  await world.publish(orderEvent('odd', 1, { currency: 'QQQ' }), orderEvent('even'))
  assert.equal((await order.get(details('even', '&minVersion=1&wait=30'))).status, 200)
  const parked = await until('it is parked', async () => {
    const { items } = await order.json<List>('/ops/parked')
    return items.find(({ key }) => key === 'odd')
  })
  assert.equal(parked.cause, 'apply-failed')
  await order.problem(details('odd'), 404, 'order-not-found')
})

test('a read with minVersion of an order that is parked here is order-held: at once, and naming what holds it', async () => {
  const begun = performance.now()
  const refused = await order.problem(details('odd', '&minVersion=1&wait=30'), 503, 'order-held')
  assert.match(
    refused,
    /odd is held at version 0 since .*Z, by the event [\w-]+\/\d+\/\d+ \(apply-failed: .*discard.*\/ops\/parked\/odd\.$/,
  )

  const waiting = order.problem(details('odd later', '&minVersion=1&wait=30'), 503, 'order-held')
  await world.publish(orderEvent('odd later', 1, { currency: 'QQQ' }))
  assert.match(await waiting, /odd%20later/)

  await world.publish(orderEvent('gap'), orderEvent('gap', 3))
  assert.match(
    await order.problem(details('gap', '&minVersion=3&wait=30'), 503, 'order-held'),
    /version 1 .*\(gap: .*skip/,
  )
  assert.equal((await order.get(details('gap', '&minVersion=1&wait=0'))).status, 200)
  assert.ok(performance.now() - begun < 25_000, 'nobody waited for the end of the wait')
})

test('a reader who waits is told that the inbox, or the order, is paused', async () => {
  const { pauses } = order.inbox.ops
  const inbox = { what: 'inbox', name: '' } as const
  const one = { what: 'key', name: 'paused' } as const
  await pauses.pause(inbox, { operator: 'ann', reason: 'maintenance' })
  await world.publish(orderEvent('paused'))
  const told = await order.problem(details('paused', '&minVersion=1&wait=0.1'), 503, 'not-yet-processed')
  assert.match(
    told,
    /unknown here, not at 1\. The inbox is paused by ann since .*Z \(maintenance\): .* POST \/ops\/resume\.$/,
  )
  await pauses.pause(one, { operator: 'bob', until: '2101-01-01T00:00:00.000Z' })
  await pauses.resume(inbox, { operator: 'ann' })
  await until('it is held', async () => (await order.get('/ops/parked/paused')).status === 200)
  const held = await order.problem(details('paused', '&minVersion=1&wait=0.5'), 503, 'not-yet-processed')
  assert.match(
    held,
    /The key paused is paused by bob since .*Z: until 2101-01-01T00:00:00.000Z, or POST \/ops\/resume\.$/,
  )
  const waiting = order.get(details('paused', '&minVersion=1&wait=30'))
  await pauses.resume(one, { operator: 'bob' })
  assert.equal((await waiting).status, 200)
})

test('the versions of an order: what each changed, when, by whom and in which trace, in pages', async () => {
  const id = 'versions ä/1'
  const path = `/orders/${encodeURIComponent(id)}/versions`
  await order.problem(path, 404, 'order-not-found')
  const events = [1, 2, 3].map((version) =>
    orderEvent(id, version, { status: ['new', 'paid', 'shipped'][version - 1]! }),
  )
  const before = Date.now()
  await world.publish(...events)
  await order.get(details(id, '&minVersion=3&wait=30'))
  const { items, next } = await order.json<List>(path)
  for (const [n, { appliedAt, ...item }] of items.entries()) {
    const { version, eventId, occurredAt, previousStatus, order } = events[n]!
    const { status } = order
    assert.deepEqual(item, { version, status, previousStatus, occurredAt, eventId, traceId, actor: 'shop' })
    assert.ok(Date.parse(String(appliedAt)) >= before - 1 && Date.parse(String(appliedAt)) <= Date.now() + 1)
  }
  assert.deepEqual([items.length, next], [3, null])
  const first = await order.json<List>(`${path}?limit=2`)
  assert.deepEqual([first.items, first.next], [items.slice(0, 2), '2'])
  assert.deepEqual(await order.json<List>(`${path}?limit=2&after=2`), { items: items.slice(2), next: null })
  assert.deepEqual(await order.json<List>(`${path}?after=3`), { items: [], next: null })
  for (const after of ['-1', 'x', '1.5'])
    await order.problem(`${path}?after=${after}`, 400, 'invalid-request', ['after'])
})
