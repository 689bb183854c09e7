// The service and its gateway as processes, with a real Kafka, registry and PostgreSQL.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Order } from '@inorder/contracts/order.ts'
import type { HeldEffect, ShownEffect } from '@inorder/messaging/effects/ops.ts'
import { orderEventsWriter } from '@inorder/service/order-events.fixture.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import { type ServiceProcess, startService } from '@inorder/testing/service-process.ts'
import { until } from '@inorder/testing/until.ts'
import type { Pool } from 'pg'
import type { LedgerEntry, StoredInvoice } from './store.ts'

const main = new URL('main.ts', import.meta.url)
let database: Awaited<ReturnType<typeof freshDatabase>>
let events: Awaited<ReturnType<typeof orderEventsWriter>>
let gateway: ServiceProcess
let billing: ServiceProcess
let pool: Pool

const start = () => startService(main, { DATABASE_URL: database.url, PAYMENT_URL: gateway.url })

before(async () => {
  database = await freshDatabase('billing')
  pool = openPool({ url: database.url, name: 'billing-test', max: 2 })
  events = await orderEventsWriter()
  gateway = await startService(new URL('../../payment/src/main.ts', import.meta.url), {})
  await gateway.ready()
  billing = await start()
  await billing.ready()
})
after(async () => {
  await Promise.all([billing.stop(), gateway.stop()])
  events.close()
  await pool.end()
  await database.drop()
})

const order = (orderId: string, status: string, totalAmount = 44.98): Order => ({
  orderId,
  customerId: 'c-17',
  orderDate: '2026-11-23T14:20:19.000Z',
  items: [{ itemId: 'i-1', quantity: 1, price: totalAmount }],
  totalAmount,
  currency: 'USD',
  status,
})
const publish = (orderId: string, ...statuses: string[]) =>
  events.publish(...statuses.map((status) => order(orderId, status)))
const json = async <T>(path: string, from = billing): Promise<T> => {
  const answer = await from.get(path)
  assert.equal(answer.status, 200, path)
  return (await answer.json()) as T
}
const invoice = (orderId: string) => json<StoredInvoice>(`/invoices/${encodeURIComponent(orderId)}`)
const reaches = (orderId: string, status: string) =>
  until(`${orderId} is ${status}`, async () => {
    const now = await invoice(orderId)
    return now.status === status && now
  })
/** Every version is handled, and no effect is left. */
const quiet = (orderId: string, version: number) =>
  until(`${orderId} has nothing under way`, async () => {
    const asked = `SELECT FROM inbox_key WHERE key = $1 AND applied_version = $2
      AND NOT EXISTS (SELECT FROM effect WHERE key = $1)`
    return (await pool.query(asked, [orderId, version])).rowCount === 1
  })
const post = (url: string, body?: object, headers = {}) =>
  fetch(url, {
    method: 'POST',
    ...(body && { headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) }),
  })
const behave = async (mode: string) => {
  const body = JSON.stringify({ mode })
  const headers = { 'content-type': 'application/json' }
  assert.equal((await fetch(`${gateway.url}/behaviour`, { method: 'PUT', headers, body })).status, 200)
}
type OrderEffects = { effects: ShownEffect[] }
interface Deed {
  action: string
  status: string
  request: unknown
  id: string
}
const deeds = async (orderId: string) =>
  (await json<{ items: Deed[] }>(`/deeds?orderId=${encodeURIComponent(orderId)}`, gateway)).items
const done = async (orderId: string) => (await deeds(orderId)).map(({ action, status }) => `${action} ${status}`)
const ledger = async (orderId: string) => {
  const { items, next } = await json<{ items: LedgerEntry[]; next: null }>(
    `/ledger?orderId=${encodeURIComponent(orderId)}`,
  )
  assert.equal(next, null)
  return items.map(({ posting, account, debit, credit, reference }) => [posting, account, debit, credit, reference])
}

test('from the draft to the refund: what the gateway was asked for, and what is in the ledger', async () => {
  const orderId = 'o ä/1'
  await publish(orderId, 'new')
  const { draftedAt, statusSince, ...drafted } = await until('it is drafted', () => invoice(orderId))
  const all = { orderId, customerId: 'c-17', status: 'draft', amount: 44.98, currency: 'USD', payment: null }
  assert.deepEqual(drafted, all)
  assert.equal(statusSince, draftedAt)
  assert.deepEqual(await ledger(orderId), [])

  await publish(orderId, 'confirmed', 'paid', 'shipped')
  const { payment } = await reaches(orderId, 'charged')
  const [charge] = await deeds(orderId)
  assert.deepEqual(charge?.request, { orderId, customerId: 'c-17', amount: 44.98, currency: 'USD' })
  assert.equal(payment, charge?.id)
  const charged = [
    ['charge', 'cash', 44.98, 0, payment],
    ['charge', 'revenue', 0, 44.98, payment],
  ]
  assert.deepEqual(await ledger(orderId), charged)

  await publish(orderId, 'cancelled', 'paid')
  await reaches(orderId, 'refunded')
  const [, refund, ...more] = await deeds(orderId)
  assert.deepEqual(more, [])
  assert.deepEqual(refund?.request, { orderId, payment, amount: 44.98, currency: 'USD' })
  assert.deepEqual(await ledger(orderId), [
    ...charged,
    ['refund', 'revenue', 44.98, 0, refund?.id],
    ['refund', 'cash', 0, 44.98, refund?.id],
  ])
  const page = (query: string) =>
    json<{ items: LedgerEntry[]; next: string | null }>(`/ledger?orderId=${encodeURIComponent(orderId)}&${query}`)
  const first = await page('limit=3')
  assert.deepEqual([first.items.length, first.next], [3, '3'])
  const { items: rest, next } = await page('limit=3&after=3')
  assert.deepEqual([rest.map(({ posting, account }) => [posting, account]), next], [[['refund', 'cash']], null])
})

test('a decline is an answer: nothing is parked, and the next status that is to be paid asks again', async () => {
  const [retried, cancelled] = [unique('o'), unique('o')]
  await behave('decline')
  await publish(retried, 'confirmed')
  await publish(cancelled, 'confirmed')
  for (const orderId of [retried, cancelled]) await reaches(orderId, 'declined')
  await behave('ok')
  await publish(retried, 'paid')
  await publish(cancelled, 'cancelled')
  await reaches(retried, 'charged')
  await reaches(cancelled, 'voided')
  assert.deepEqual(await done(retried), ['charges declined', 'charges done'])
  assert.deepEqual(await done(cancelled), ['charges declined'])
  assert.deepEqual(await ledger(cancelled), [])
  // Other tests write to the topic as well.
  for (const orderId of [retried, cancelled]) assert.equal((await billing.get(`/ops/parked/${orderId}`)).status, 404)
})

test('the gateway is away: the charge is done when it is back, and what was cancelled meanwhile is refunded', async () => {
  const [kept, cancelled, never] = [unique('o'), unique('o'), unique('o')]
  await behave('fail')
  await publish(kept, 'new', 'confirmed')
  await publish(cancelled, 'new', 'confirmed', 'cancelled')
  await publish(never, 'new', 'cancelled')
  await reaches(never, 'voided')
  for (const orderId of [kept, cancelled]) assert.equal((await reaches(orderId, 'draft')).payment, null)
  await behave('ok')
  await reaches(kept, 'charged')
  await reaches(cancelled, 'refunded')
  assert.deepEqual(await done(kept), ['charges done'])
  assert.deepEqual(await done(cancelled), ['charges done', 'refunds done'])
  assert.deepEqual(await done(never), [])
})

test('cancelled while a charge is under way: refunded after it; declined meanwhile: voided, without a call', async () => {
  const [charged, declined] = [unique('o'), unique('o')]
  await behave('slow')
  await publish(charged, 'paid')
  await until('the gateway has begun', async () => (await deeds(charged)).length === 1)
  await publish(charged, 'cancelled')
  await reaches(charged, 'refunded')
  assert.deepEqual(await done(charged), ['charges done', 'refunds done'])
  await behave('decline')
  await publish(declined, 'paid', 'cancelled', 'paid')
  await reaches(declined, 'voided')
  await quiet(declined, 3)
  assert.deepEqual(await done(declined), ['charges declined'])
  await behave('ok')
})

test('killed while a charge is under way, its answer lost: charged once', async () => {
  const [orderId, cancelled] = [unique('o'), unique('o')]
  await behave('slow')
  await publish(orderId, 'new', 'confirmed', 'paid')
  await publish(cancelled, 'new', 'confirmed')
  for (const one of [orderId, cancelled])
    await until('the gateway has begun', async () => (await deeds(one)).length === 1)
  assert.equal((await invoice(orderId)).status, 'draft')
  await billing.kill()
  await behave('ok')
  await publish(cancelled, 'cancelled')
  billing = await start()
  await billing.ready()
  const { payment } = await reaches(orderId, 'charged')
  await reaches(cancelled, 'refunded')
  await quiet(orderId, 3)
  assert.deepEqual(await done(orderId), ['charges done'])
  assert.equal(payment, (await deeds(orderId))[0]?.id)
  assert.equal((await ledger(orderId)).length, 2)
  assert.deepEqual(await done(cancelled), ['charges done', 'refunds done'])
})

test('an answer that is no decision is tried again and parked after 10 minutes: an operator sees it, tries it again, gives it up', async () => {
  const orderId = `ü/${unique('o')}`
  const path = `/ops/effects/${encodeURIComponent(orderId)}`
  const effects = async () => (await json<OrderEffects>(`/ops/keys/${encodeURIComponent(orderId)}`)).effects
  const parkedAfter = (attempts: number) =>
    until('the refund is parked', async () => {
      const { items } = await json<{ items: HeldEffect[] }>('/ops/effects')
      return items.find((one) => one.key === orderId && one.attempts > attempts)
    })
  await behave('fail')
  await publish(orderId, 'confirmed', 'cancelled')
  const [charge, refund] = await until('both are asked for', async () => (await effects()).length === 2 && effects())
  assert.deepEqual([refund?.kind, refund?.state], ['refund', 'behind'])
  // While the charge takes its time, the refund's key is used for something else.
  await behave('slow')
  const other = { 'idempotency-key': refund!.effect }
  assert.equal((await post(`${gateway.url}/refunds`, { orderId: 'another' }, other)).status, 200)
  await behave('ok')

  const tenMinutesLater = () =>
    until('it fails, and 10 minutes are over', async () => {
      const aged = `UPDATE effect SET failing_since = failing_since - interval '10 minutes' WHERE kind = 'refund' AND failing_since > now() - interval '5 minutes'`
      return ((await pool.query(aged)).rowCount ?? 0) > 0
    })
  await tenMinutesLater()
  const parked = await parkedAfter(1)
  assert.deepEqual([parked.effect, parked.cause, parked.behind], [refund?.effect, 'status-422', 0])
  assert.match(parked.detail ?? '', /answered 422/)
  assert.deepEqual(
    (await effects()).map(({ effect, state }) => [effect, state]),
    [
      [charge?.effect, 'done'],
      [refund?.effect, 'parked'],
    ],
  )
  assert.equal((await post(`${billing.url}${path}/redrive`)).status, 200)
  await tenMinutesLater()
  await parkedAfter(parked.attempts)
  const discarded = await post(`${billing.url}${path}/discard`, { effect: refund?.effect, reason: 'paid back by hand' })
  assert.deepEqual([discarded.status, await discarded.json()], [200, { key: orderId, effects: [] }])
  const { items } = await json<{ items: { key: string }[] }>('/ops/effects')
  assert.ok(items.every(({ key }) => key !== orderId))
  assert.equal((await post(`${billing.url}${path}/redrive`)).status, 404)
})

test('an order of nothing is charged and voided without a call', async () => {
  const orderId = unique('o')
  await events.publish(order(orderId, 'new', 0), order(orderId, 'confirmed', 0))
  await reaches(orderId, 'charged')
  await publish(orderId, 'cancelled')
  await reaches(orderId, 'voided')
  assert.deepEqual([await done(orderId), await ledger(orderId)], [[], []])
})

test('an order that never came is 404, and what cannot be one is 400 with the field', async () => {
  const bad: [path: string, status: number, name: string, field?: string][] = [
    ['/invoices/unknown', 404, 'order-not-found'],
    ['/ledger?orderId=unknown', 404, 'order-not-found'],
    [`/invoices/${'a'.repeat(129)}`, 400, 'invalid-request', 'orderId'],
    ['/invoices/a%00', 400, 'invalid-request', 'orderId'],
    ['/invoices/a?wait=1', 400, 'invalid-request', 'wait'],
    ['/ledger', 400, 'invalid-request', 'orderId'],
    ['/ledger?orderId=', 400, 'invalid-request', 'orderId'],
    ['/ledger?orderId=a&limit=0', 400, 'invalid-request', 'limit'],
  ]
  for (const [path, status, name, field] of bad) {
    const answer = await billing.get(path)
    assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/, path)
    const { type, errors } = (await answer.json()) as { type: string; errors?: { field: string }[] }
    assert.deepEqual(
      [answer.status, type, errors?.map((one) => one.field)],
      [status, `/problems/${name}`, field && [field]],
    )
  }
})
