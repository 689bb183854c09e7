// What an operator does, over HTTP: orders are held up, looked at, redriven once the cause is gone, or go on without a record.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, suite, test } from 'node:test'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { assertProblem, send } from './http.ts'
import { sharedStack } from './shared-stack.ts'
import { type ParkedKey, Shop, versionOf } from './shop.ts'
import { changedEvent, decode, produce, readTopic } from './topic.ts'

interface Redriven {
  key: string
  applied: number
  remaining: number
  stoppedAt?: string
  events?: { event: string; version: number | null; becomes: string }[]
}

suite('redrive and discard', () => {
  let stack: Stack
  let shop: Shop
  before(async () => {
    stack = await sharedStack()
    shop = new Shop(stack)
  })

  const put = (orderId: string, ...values: Buffer[]) =>
    produce(
      stack.address('kafka'),
      'order-events',
      values.map((value) => ({ key: Buffer.from(orderId), value })),
    )
  /** An order that is in both services; its first record's value. */
  const created = async (orderId: string): Promise<Buffer> => {
    assert.equal((await shop.create(orderId)).status, 201)
    assert.equal((await shop.details(orderId, { minVersion: 1 })).status, 200)
    const record = (await readTopic(stack.address('kafka'), 'order-events')).find(
      ({ key }) => key?.toString() === orderId,
    )
    assert.ok(record?.value)
    return record.value
  }
  const version = (value: Buffer, n: number) =>
    changedEvent(stack.address('registry'), value, { version: n, eventId: randomUUID() })
  const parkedOf = (orderId: string, count: number) =>
    until(`${count} records of ${orderId} are parked`, async () => {
      const answer = await shop.parked(orderId)
      const parked = answer.status === 200 && answer.json<ParkedKey>()
      return parked && parked.events.length === count && parked.events
    })
  const post = (path: string, body?: unknown, headers = {}) => shop.toOrder(path, { method: 'POST', body, headers })
  const ofOrder = (orderId: string, what: string) => `/ops/parked/${encodeURIComponent(orderId)}/${what}`
  const redriven = async (path: string, body?: unknown, headers = {}): Promise<Redriven> => {
    const answer = await post(path, body, headers)
    assert.equal(answer.status, 200, answer.text)
    return answer.json<Redriven>()
  }

  /** Registers a schema, and gives its id. Each that is new gets the next id. */
  const register = async (subject: string, schema: object): Promise<number> => {
    const url = `${stack.address('registry')}/subjects/${subject}/versions`
    return (await send(url, { method: 'POST', body: { schema: JSON.stringify(schema) } })).json<{ id: number }>().id
  }

  test('orders of a schema that is missing wait, others go on; it appears, and all are redriven', async () => {
    const orders = Array.from({ length: 20 }, (_, n) => `of the next release ${n}`)
    const first = orders[0] ?? ''
    const next = (await register('probe', { type: 'record', name: 'Probe', fields: [] })) + 1
    for (const orderId of orders) {
      const value = await created(orderId)
      const newer = await version(value, 2)
      newer.writeUInt32BE(next, 1)
      await put(orderId, newer, await version(value, 3))
    }
    for (const orderId of orders) await parkedOf(orderId, 2)
    await created('beside them')

    const [head, behind] = await parkedOf(first, 2)
    assert.ok(head && behind)
    const still = { key: first, applied: 0, remaining: 2, stoppedAt: head.event }
    const { events, ...tried } = await redriven(ofOrder(first, 'redrive'), { dryRun: true })
    assert.deepEqual(tried, still)
    assert.deepEqual(
      events?.map(({ event, becomes }) => [event, becomes]),
      [
        [head.event, 'head'],
        [behind.event, 'behind'],
      ],
    )
    assert.deepEqual(await redriven(ofOrder(first, 'redrive')), still)

    const schemas = `${stack.address('registry')}/subjects/order-events-value/versions/latest`
    const current = JSON.parse((await send(schemas)).json<{ schema: string }>().schema)
    assert.equal(await register('next-release', { ...current, doc: 'As the next release writes it.' }), next)
    assert.deepEqual(await redriven(ofOrder(first, 'redrive'), {}), { key: first, applied: 2, remaining: 0 })
    assertProblem(await post(ofOrder(first, 'redrive')), 404, 'nothing-parked')
    assertProblem(await shop.parked(first), 404, 'nothing-parked')

    const groups = (await shop.toOrder('/ops/parked/groups')).json<{ items: { cause: string; count: number }[] }>()
    assert.equal(groups.items.find(({ cause }) => cause === 'unknown-schema')?.count, 19)
    const shown = (await shop.parked(orders[1]!)).json<{ events: { decoded: { orderId: string }; bytes: string }[] }>()
    assert.deepEqual([shown.events[0]?.decoded.orderId, shown.events[0]?.bytes.slice(0, 2)], [orders[1], 'AA'])
    const filter = { cause: 'unknown-schema' }
    const asked = await post('/ops/jobs', { type: 'redrive', filter, dryRun: true, canary: true })
    assert.equal(asked.status, 202, asked.text)
    const job = await until('the dry run is done', async () => {
      const now = (await shop.toOrder(String(asked.headers.location))).json<Record<string, unknown>>()
      return now.state === 'done' && now
    })
    assert.deepEqual([job.total, job.tried, job.applied, job.failed, job.remaining], [19, 19, 19, 0, 0])

    const all = await post('/ops/parked/redrive', { cause: 'unknown-schema' })
    const { items, next: cursor, totals } = all.json<{ items: Redriven[]; next: null; totals: object }>()
    assert.equal(cursor, null)
    assert.deepEqual(totals, { keys: 19, applied: 38, remaining: 0, failed: 0 })
    assert.deepEqual(items.map(({ key }) => key).sort(), orders.slice(1).sort())
    for (const orderId of orders) assert.equal(versionOf(await shop.details(orderId)), 3)
  })

  test('a record that can never be read is discarded, once, and what stood behind it is applied', async () => {
    await created('with garbage')
    await put('with garbage', Buffer.from('no event at all'))
    await parkedOf('with garbage', 1)
    assert.equal((await shop.update('with garbage', 'paid')).status, 200)
    assert.equal((await shop.update('with garbage', 'sent')).status, 200)
    const [head, behind] = await parkedOf('with garbage', 3)
    assert.ok(head && behind)
    const path = ofOrder('with garbage', 'discard')
    const reason = 'nobody can read it'
    assertProblem(await post(path, { reason, event: behind.event }), 409, 'not-the-head')
    assertProblem(await post(path, { event: head.event }), 400, 'invalid-request')
    const answer = { key: 'with garbage', applied: 2, remaining: 0 }
    assert.deepEqual(await redriven(path, { reason, event: head.event }, { 'x-operator': 'ann' }), answer)
    assert.deepEqual(await redriven(path, { reason, event: head.event }), answer, 'a repeat answers the same')
    assert.equal(versionOf(await shop.details('with garbage')), 3)
    assertProblem(await post(path, { reason, event: behind.event }), 404, 'nothing-parked')

    const { items } = (await shop.toOrder('/ops/audit?limit=1')).json<{ items: Record<string, unknown>[] }>()
    const [entry] = items
    assert.deepEqual(
      [entry?.operator, entry?.action, entry?.key, entry?.event, entry?.reason],
      ['ann', 'discard', 'with garbage', head.event, reason],
    )
  })

  test('a version that cannot be applied is skipped only when that is said, and is a duplicate ever after', async () => {
    const value = await created('of no currency')
    const { order } = await decode(stack.address('registry'), value)
    const nowhere = { ...order, currency: 'QQQ' }
    const changed = { version: 2, eventId: randomUUID(), order: nowhere }
    await put('of no currency', await changedEvent(stack.address('registry'), value, changed))
    await put('of no currency', await version(value, 3))
    const [head] = await parkedOf('of no currency', 2)
    assert.deepEqual([head?.cause, head?.version], ['apply-failed', 2])
    const path = ofOrder('of no currency', 'discard')
    const discard = { reason: 'there is no such currency', event: head?.event }
    assertProblem(await post(path, discard), 409, 'version-not-skipped')
    const answer = { key: 'of no currency', applied: 1, remaining: 0 }
    assert.deepEqual(await redriven(path, { ...discard, skipVersion: true }), answer)
    await put('of no currency', await version(value, 2), await version(value, 4))
    assert.equal(versionOf(await shop.details('of no currency', { minVersion: 4 })), 4)
    assertProblem(await shop.parked('of no currency'), 404, 'nothing-parked')
  })

  test('a record that belongs to no order is discarded by its name', async () => {
    const value = await created('not of the key')
    await put('another key', value)
    const stray = await until('it is parked', async () => {
      const { items } = (await shop.toOrder('/ops/parked?cause=key-mismatch')).json<{ items: ParkedKey[] }>()
      return items[0]
    })
    assert.match(stray.key, /^@order-events:\d+:\d+$/)
    const [head] = await parkedOf(stray.key, 1)
    const discard = { reason: 'a test', event: head?.event }
    const gone = { key: stray.key, applied: 0, remaining: 0 }
    assert.deepEqual(await redriven(ofOrder(stray.key, 'discard'), discard), gone)
    assertProblem(await shop.parked(stray.key), 404, 'nothing-parked')
  })
})
