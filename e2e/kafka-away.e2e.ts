// Kafka hangs, or is gone: orders are taken all the same, at once, and arrive when it is back.
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { assertArrived, outboxRows } from './arrival.ts'
import { type Answer, assertProblem } from './http.ts'
import { Load } from './load.ts'
import { sharedStack } from './shared-stack.ts'
import { Shop, versionOf } from './shop.ts'
import { eventsByOrder } from './topic.ts'

suite('Kafka away', () => {
  let stack: Stack
  let shop: Shop
  /** The statuses that each order was given, over all tests. */
  const changed = new Map<string, string[]>()
  before(async () => {
    stack = await sharedStack()
    shop = new Shop(stack)
    for (const orderId of ['earlier-1', 'earlier-2']) {
      assert.equal((await create(orderId)).status, 201)
      assert.equal((await shop.details(orderId, { minVersion: 1 })).status, 200)
    }
  })

  const create = async (orderId: string, headers: Record<string, string> = {}): Promise<Answer> => {
    const answer = await shop.create(orderId, headers)
    if (answer.status < 300) changed.set(orderId, ['new'])
    return answer
  }
  const update = async (orderId: string, status: string): Promise<Answer> => {
    const answer = await shop.update(orderId, status)
    if (answer.status < 300) changed.get(orderId)?.push(status)
    return answer
  }
  let made = 0
  const untilKnownAway = () =>
    until('Kafka is known to be away', async () => (await create(`probe-${made++}`)).ms < 500)
  const untilBack = () =>
    until('an order is answered 201 again', async () => (await create(`probe-${made++}`)).status === 201)
  const median = (times: number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0
  const freezeKafka = async (work: () => Promise<void>) => {
    stack.freeze('kafka')
    try {
      await untilKnownAway()
      await work()
    } finally {
      stack.thaw('kafka')
    }
  }

  test('frozen: 202 within 100 ms, reads go on, strict is refused; then everything arrives', async () => {
    await freezeKafka(async () => {
      const answers: Answer[] = []
      // Long enough to meet several probes of the circuit.
      for (const end = performance.now() + 5_000; performance.now() < end; ) {
        const orderId = `frozen-${answers.length}`
        const created = await create(orderId)
        const updated = await update(orderId, 'paid')
        assert.equal(versionOf(updated), 2)
        answers.push(created, updated)
      }
      for (const answer of answers) {
        assert.equal(answer.status, 202, answer.text)
        assert.equal(answer.headers['event-delivery'], 'pending')
      }
      const times = answers.map((answer) => answer.ms)
      assert.ok(Math.max(...times) < 750, `the slowest of ${times.length} answers took ${Math.max(...times)} ms`)
      assert.ok(median(times) < 100, `the median of ${times.length} answers is ${median(times)} ms`)

      const async = await create('frozen-async', { prefer: 'respond-async' })
      assert.deepEqual([async.status, async.headers['event-delivery']], [202, 'pending'])
      const unchanged = await shop.update('frozen-async', 'new')
      assert.deepEqual([unchanged.status, unchanged.headers.etag], [202, '"1"'], "its version's event is not out yet")

      const details = await shop.details('earlier-1')
      assert.equal(details.status, 200)
      assert.ok(details.ms < 1_000, `details took ${details.ms} ms`)
      assertProblem(await shop.details('frozen-async', { minVersion: 1, wait: 0 }), 503, 'not-yet-processed')
      const ids = await shop.topicIds()
      assert.equal(ids.upToDate, false, 'nobody knows what is in Kafka')
      assert.ok(ids.orderIds.includes('earlier-1'))
      assert.equal((await shop.toCart('/health/ready')).status, 200)
      await until('the order service says what it lacks', async () => {
        const { status, text } = await shop.toOrder('/health/ready')
        return status === 503 && JSON.parse(text).missing.includes('kafka')
      })

      const waiting = await outboxRows(stack)
      const strict = { prefer: 'handling=strict' }
      for (const answer of [await create('strict', strict), await shop.update('earlier-2', 'paid', strict)]) {
        assertProblem(answer, 503, 'kafka-away')
        assert.ok(answer.ms < 1_000)
      }
      assertProblem(await shop.inCart('strict'), 404, 'order-not-found')
      assert.equal(versionOf(await shop.inCart('earlier-2')), 1)
      assert.equal(await outboxRows(stack), waiting)
    })
    await untilBack()
    await until('the order service lacks nothing', async () => (await shop.toOrder('/health/ready')).status === 200)
    await assertArrived(stack, shop, changed)
    assertProblem(await shop.details('strict'), 404, 'order-not-found')
    assert.equal((await create('strict', { prefer: 'handling=strict' })).status, 201)
  })

  test('a repeat with the same Idempotency-Key is 202 while the event waits, 201 once it is out', async () => {
    const headers = { 'idempotency-key': 'across the outage' }
    let first: Answer | undefined
    await freezeKafka(async () => {
      first = await create('repeated', headers)
      assert.equal(first.status, 202)
      const repeat = await create('repeated', headers)
      assert.deepEqual([repeat.status, repeat.text, repeat.headers.etag], [202, first.text, '"1"'])
      const strict = await create('repeated', { ...headers, prefer: 'handling=strict' })
      assert.equal(strict.status, 202, `it is stored, so nobody is told that nothing was: ${strict.text}`)
      const other = { 'idempotency-key': 'another', prefer: 'handling=strict' }
      assertProblem(await shop.update('repeated', 'paid', other), 503, 'kafka-away')
    })
    await untilBack()
    const delivered = await create('repeated', headers)
    assert.deepEqual([delivered.status, delivered.text], [201, first?.text])
    assert.equal(delivered.headers['event-delivery'], 'delivered')
    await assertArrived(stack, shop, changed)
  })

  test('a cart killed between commit and publish: the event goes out all the same', async () => {
    await freezeKafka(async () => {
      assert.equal((await create('killed')).status, 202)
      assert.equal((await update('killed', 'paid')).status, 202)
      assert.ok((await outboxRows(stack)) >= 2, 'the committed events wait in the outbox')
      await stack.replaced('cart')
      const takesOrders = async () => (await shop.toCart('/health/ready')).status === 200
      await until('the new cart is ready without Kafka', takesOrders)
      assert.ok((await outboxRows(stack)) >= 2)
      assert.equal(versionOf(await shop.inCart('killed')), 2)
    })
    await untilBack()
    await assertArrived(stack, shop, changed)
    const log = await eventsByOrder(stack.address('kafka'), stack.address('registry'))
    assert.deepEqual(
      log.get('killed')?.map((event) => event.version),
      [1, 2],
    )
  })

  test('killed amid load: no order is refused, and all arrive when the starter has it back', async () => {
    const load = new Load(shop, 'kafka-killed')
    await load.more(300)
    await stack.replaced('kafka')
    await load.more(1_000)
    await untilBack()
    await load.more(300)
    assert.equal(load.refused + load.unknown, 0, 'refused, or not answered')
    await load.arrives(stack)
  })
})
