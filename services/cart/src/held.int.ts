// Rule 12: what the log holds of an order cannot be joined to what the cart knows of it. That one order is held.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Order } from '@inorder/contracts/order.ts'
import { orderEventsWriter } from '@inorder/service/order-events.fixture.ts'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import { inLog, noKafka, outboxIsEmpty, sql } from './restored.fixture.ts'
import { startCart } from './running-cart.fixture.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
let writer: Awaited<ReturnType<typeof orderEventsWriter>>

const order = (orderId: string, status: string): Order => ({
  orderId,
  customerId: 'c',
  orderDate: '2026-11-23T14:20:19.000Z',
  items: [{ itemId: 'pen', quantity: 1, price: 1 }],
  totalAmount: 1,
  currency: 'USD',
  status,
})

async function accepted(answer: Promise<Response>): Promise<void> {
  const { status } = await answer
  assert.ok([200, 201, 202].includes(status), String(status))
}

async function assertProblem(answer: Response, status: number, name: string): Promise<Record<string, unknown>> {
  const body = (await answer.json()) as Record<string, unknown>
  assert.deepEqual([answer.status, body.type], [status, `/problems/${name}`], JSON.stringify(body))
  return body
}

const dropped = () => sql(database.url, 'SELECT FROM outbox_dropped')
/** Of these orders alone: other tests write to the topic too. */
const heldOf = async (url: string, ...orderIds: string[]) => {
  const { items } = (await (await fetch(`${url}/ops/held?limit=1000`)).json()) as { items: Record<string, unknown>[] }
  return items.filter((item) => orderIds.includes(String(item.key)))
}
/** Where Kafka is slow to answer a cart takes orders before it has read the log; whoever publishes reads it. */
const isHeld = (url: string, ...orderIds: string[]) =>
  until(`${orderIds} is held`, async () => (await heldOf(url, ...orderIds)).length === orderIds.length)
const release = (url: string, key: string, body: object) =>
  fetch(`${url}/ops/held/${key}/release`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-operator': 'ann' },
    body: JSON.stringify(body),
  })

// One cart after the other, and what the log holds when they start; each test is about orders of its own.
const [gap, other, known, unknown, late] = ['gap', 'other', 'known', 'unknown', 'late'].map(unique) as [
  string,
  string,
  string,
  string,
  string,
]
let cart: Awaited<ReturnType<typeof startCart>>

async function start(): Promise<void> {
  cart = await startCart(database.url, { LOG_LEVEL: 'error' })
  await cart.ready()
}

before(async () => {
  database = await freshDatabase('cart')
  writer = await orderEventsWriter()
  await start()
  for (const orderId of [gap, known, late]) await accepted(cart.post(orderId))
  await outboxIsEmpty(database.url)
  assert.equal(await cart.stop(), 0)
  // A cart without Kafka takes changes with 202.
  cart = await startCart(database.url, noKafka)
  for (const status of ['paid', 'shipped'])
    await until(`${status} is taken`, async () => {
      const answer = await cart.put(gap, status, { 'idempotency-key': `${gap} ${status}` })
      return answer.status === 202
    })
  await cart.kill()
  await writer.publishAs([
    { order: order(gap, 'foreign'), version: 9 },
    { order: order(late, 'three'), version: 3 },
  ])
  const garbage = [
    { order: order(known, 'paid'), version: 2 },
    { order: order(unknown, 'new'), version: 1 },
  ]
  await writer.publishAs(garbage, true)
  await start()
})
after(async () => {
  await cart.stop()
  writer.close()
  await database.drop()
})

test('rule 12: an event far above a gap deletes no accepted change; the order is held until an operator decides', async () => {
  await outboxIsEmpty(database.url)
  assert.deepEqual((await inLog([gap])).get(gap), ['"1" new', '"9" foreign', '"2" paid', '"3" shipped'])
  assert.deepEqual(await dropped(), [])
  assert.equal(await cart.get(gap), '"3" shipped', 'reads answer')

  await isHeld(cart.url, gap)
  const alarm = await until('it is an alarm', () => cart.alarms('order-held').find(({ key }) => key === gap))
  assert.deepEqual([alarm.cause, alarm.missing, alarm.newest], ['gap', [{ from: 4, to: 8 }], 9])
  assert.match(String(alarm.detail), /4 to 8/)
  const refused = await assertProblem(await cart.put(gap, 'delivered'), 503, 'order-held')
  assert.match(String(refused.detail), /4 to 8/)
  await assertProblem(await cart.put(gap, 'shipped', { 'idempotency-key': unique('k') }), 503, 'order-held')
  assert.deepEqual(await sql(database.url, 'SELECT FROM idempotency WHERE outcome IS NULL'), [], 'no key is used up')
  const repeat = await cart.put(gap, 'shipped', { 'idempotency-key': `${gap} shipped` })
  assert.deepEqual([repeat.status, repeat.headers.get('etag')], [200, '"3"'], 'it was stored, and is in the log')
  await accepted(cart.post(other))

  const [held] = await heldOf(cart.url, gap)
  assert.deepEqual(
    [held?.key, held?.version, held?.cause, held?.missing, held?.newest],
    [gap, 3, 'gap', [{ from: 4, to: 8 }], 9],
  )
  // It is still held when the cart starts again.
  assert.equal(await cart.stop(), 0)
  await start()
  await assertProblem(await cart.put(gap, 'delivered'), 503, 'order-held')

  await assertProblem(await release(cart.url, gap, { reason: 'too low', version: 8 }), 400, 'invalid-request')
  const released = await release(cart.url, gap, { reason: 'versions 4 to 8 never were' })
  assert.deepEqual([released.status, await released.json()], [200, { key: gap, version: 9 }])
  assert.equal(await cart.get(gap), '"9" foreign')
  assert.equal((await cart.put(gap, 'delivered')).headers.get('etag'), '"10"')
  assert.deepEqual(await heldOf(cart.url, gap), [])
  await assertProblem(await release(cart.url, gap, { reason: 'once more' }), 404, 'nothing-held')
  const audit = (await (await fetch(`${cart.url}/ops/audit`)).json()) as { items: Record<string, unknown>[] }
  const { id, at, ...entry } = audit.items[0]!
  assert.deepEqual(entry, {
    operator: 'ann',
    action: 'release',
    key: gap,
    event: null,
    reason: 'versions 4 to 8 never were',
    before: { version: 3, hold: { cause: 'gap', missing: [{ from: 4, to: 8 }], newest: 9 } },
    after: { version: 9 },
  })
})

test('rule 12: an order is held of which the log has an event that nobody can read, and no version of it is given away', async () => {
  await isHeld(cart.url, known, unknown)
  const refused = await assertProblem(await cart.put(known, 'paid'), 503, 'order-held')
  assert.match(String(refused.detail), /cannot be read/)
  await assertProblem(await cart.post(unknown), 503, 'order-held')
  await assertProblem(await cart.put(unknown, 'paid'), 503, 'order-held')
  await assertProblem(await fetch(`${cart.url}/orders/${unknown}`), 503, 'order-held')
  assert.deepEqual(
    (await heldOf(cart.url, known, unknown)).map(({ key, version, cause, newest }) => [key, version, cause, newest]),
    [
      [known, 1, 'undecodable', null],
      [unknown, 0, 'undecodable', null],
    ],
  )

  const inCart = async (key: string) => (await fetch(`${cart.url}/ops/keys/${key}`)).json()
  const { eventId, ...state } = (await inCart(known)) as Record<string, unknown>
  assert.deepEqual(state, { key: known, appliedVersion: 1, status: 'new' })
  assert.match(String(eventId), /^[0-9a-f-]{36}$/)
  await assertProblem(await fetch(`${cart.url}/ops/keys/${unique('none')}`), 404, 'order-not-found')

  // Garbage; it may stand for version 2, so the operator lets the order go on behind that.
  assert.deepEqual(await (await release(cart.url, known, { reason: 'was 2', version: 2 })).json(), {
    key: known,
    version: 2,
  })
  assert.equal((await cart.put(known, 'shipped')).headers.get('etag'), '"3"')
  assert.deepEqual(await (await release(cart.url, unknown, { reason: 'garbage' })).json(), {
    key: unknown,
    version: 0,
  })
  await accepted(cart.post(unknown))
})

test('rule 12: a gap that is filled later ends by itself', async () => {
  await isHeld(cart.url, late)
  await assertProblem(await cart.put(late, 'paid'), 503, 'order-held')
  assert.equal(await cart.stop(), 0)
  await writer.publishAs([{ order: order(late, 'two'), version: 2 }])
  await start()
  await until('it is held no more', async () => (await cart.get(late)) === '"3" three')
  assert.equal((await cart.put(late, 'paid')).headers.get('etag'), '"4"')
})
