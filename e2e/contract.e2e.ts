// The corners of CONTRACT.md: what is refused and how, ids of every kind, keys and preconditions.
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { type Answer, assertProblem } from './http.ts'
import { invalidOrders, notAnOrder } from './invalid-orders.ts'
import { oddIds } from './odd-ids.ts'
import { sharedStack } from './shared-stack.ts'
import { type OrderDetails, Shop, versionOf } from './shop.ts'
import { type EventInTopic, eventsByOrder } from './topic.ts'

suite('the contract', () => {
  let stack: Stack
  let shop: Shop
  before(async () => {
    stack = await sharedStack()
    shop = new Shop(stack)
  })

  const create = (body: unknown, headers: Record<string, string> = {}) =>
    shop.toCart('/create-order', { method: 'POST', headers, body })
  const eventsOf = async (orderId: string): Promise<EventInTopic[]> =>
    (await eventsByOrder(stack.address('kafka'), stack.address('registry'))).get(orderId) ?? []

  test('an invalid order is refused and every bad field named, at once', async () => {
    for (const [what, body, fields] of invalidOrders) {
      const problem = assertProblem(await create(body), 400, 'invalid-request')
      const named = new Set(problem.errors?.map((error) => error.field))
      for (const field of fields) assert.ok(named.has(field), `${what}: ${field} is not among ${[...named]}`)
      for (const error of problem.errors ?? []) assert.ok(error.message, `${what}: ${error.field} without a message`)
    }
    assertProblem(await shop.inCart('never-stored'), 404, 'order-not-found')
  })

  test('a body that is no order at all is refused', async () => {
    for (const [what, body] of notAnOrder) {
      const answer = await create(body)
      assert.equal(answer.status, 400, `${what}: ${answer.status} ${answer.text}`)
      assertProblem(answer, 400, '(invalid-request|malformed-json)')
    }
  })

  test('the largest orders that are allowed are taken', async () => {
    const items = Array.from({ length: 1000 }, (_, n) => ({ itemId: `i-${n}`, quantity: 1, price: 99_999_999.9999 }))
    const answer = await create({ orderId: 'largest', customerId: '客'.repeat(128), items, status: 's'.repeat(64) })
    assert.equal(answer.status, 201, answer.text)
    assert.equal(answer.json<OrderDetails>().totalAmount, 99_999_999_999.9)
    const details = await shop.details('largest', { minVersion: 1 })
    assert.equal(details.json<OrderDetails>().items.length, 1000)
    const tooMuch = [...items.slice(0, 999), { itemId: 'i-999', quantity: 2, price: 99_999_999.9999 }]
    assertProblem(await create({ orderId: 'too much', customerId: 'c', items: tooMuch }), 400, 'invalid-request')
  })

  test('an invalid update is refused and every bad field named', async () => {
    const update = (body: unknown) => shop.toCart('/update-order', { method: 'PUT', body })
    const cases: [body: unknown, fields: string[]][] = [
      [{}, ['orderId', 'status']],
      [{ orderId: 'o', status: 3, total: 1 }, ['status', 'total']],
      [{ orderId: '', status: '' }, ['orderId', 'status']],
      [{ orderId: 'o', status: 'a\u0000' }, ['status']],
      [{ orderId: 'o', status: 's'.repeat(65) }, ['status']],
    ]
    for (const [body, fields] of cases) {
      const named = assertProblem(await update(body), 400, 'invalid-request').errors?.map((error) => error.field)
      assert.deepEqual(new Set(named), new Set(fields), JSON.stringify(body))
    }
    assertProblem(await update({ orderId: 'unknown', status: 'paid' }), 404, 'order-not-found')
  })

  test('an order is created once: 50 clients at once with one id', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => shop.create('contested')))
    assert.equal(answers.filter((answer) => answer.status === 201).length, 1)
    for (const answer of answers.filter((other) => other.status !== 201)) assertProblem(answer, 409, 'order-exists')
    assert.equal((await eventsOf('contested')).length, 1)
    const stored = answers.find((answer) => answer.status === 201)
    assert.equal((await shop.inCart('contested')).text, stored?.text)
  })

  test('the status that an order already has is no change', async () => {
    await shop.create('same')
    assert.equal(versionOf(await shop.update('same', 'paid')), 2)
    const again = await shop.update('same', 'paid')
    assert.equal(again.status, 200)
    assert.equal(again.headers.etag, '"2"')
    assert.equal(again.headers['event-delivery'], 'delivered')
    assert.deepEqual(
      (await eventsOf('same')).map((event) => event.type),
      ['OrderCreated', 'OrderStatusChanged'],
    )
  })

  test('If-Match lets a change pass only at the version it names', async () => {
    await shop.create('matched')
    const status = async () => (await shop.inCart('matched')).json().status
    assertProblem(await shop.update('matched', 'paid', { 'if-match': '"2"' }), 412, 'version-mismatch')
    assert.equal(await status(), 'new')
    assert.equal(versionOf(await shop.update('matched', 'paid', { 'if-match': '"1"' })), 2)
    assert.equal(versionOf(await shop.update('matched', 'sent', { 'if-match': '*' })), 3)
    assertProblem(await shop.update('matched', 'sent', { 'if-match': '"2"' }), 412, 'version-mismatch')
    assertProblem(await shop.update('unmatched', 'sent', { 'if-match': '"1"' }), 404, 'order-not-found')
    const racers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => shop.update('matched', `racer-${n}`, { 'if-match': '"3"' })),
    )
    assert.equal(racers.filter((answer) => answer.status === 200).length, 1)
    for (const answer of racers.filter((other) => other.status !== 200)) assertProblem(answer, 412, 'version-mismatch')
  })

  test('Idempotency-Key: 50 clients at once with one key have one effect and one event', async () => {
    const untilDecided = async (request: () => Promise<Answer>) =>
      until('the first request with the key is decided', async () => {
        const answer = await request()
        if (answer.status === 409) assertProblem(answer, 409, 'idempotency-key-in-use')
        if (answer.status === 409) assert.ok(Number(answer.headers['retry-after']) > 0)
        return answer.status !== 409 && answer
      })
    const fifty = (request: () => Promise<Answer>) =>
      Promise.all(Array.from({ length: 50 }, () => untilDecided(request)))

    const created = await fifty(() => shop.create('keyed', { 'idempotency-key': 'one key' }))
    assert.deepEqual(new Set(created.map((answer) => answer.status)), new Set([201]))
    assert.equal(new Set(created.map((answer) => answer.text)).size, 1)
    for (const answer of created) {
      assert.equal(answer.headers.etag, '"1"')
      assert.equal(answer.headers.location, '/orders/keyed')
      assert.equal(answer.headers['event-delivery'], 'delivered')
    }
    // The same key belongs to another method and path here.
    const updated = await fifty(() => shop.update('keyed', 'paid', { 'idempotency-key': 'one key' }))
    assert.deepEqual(new Set(updated.map((answer) => answer.headers.etag)), new Set(['"2"']))
    await shop.update('keyed', 'sent')
    const late = await shop.update('keyed', 'paid', { 'idempotency-key': 'one key' })
    assert.equal(late.status, 200)
    assert.equal(late.headers.etag, '"2"', 'the first outcome again')
    assert.equal(late.text, updated[0]?.text)
    assert.deepEqual(
      (await eventsOf('keyed')).map((event) => event.version),
      [1, 2, 3],
    )
  })

  test('Idempotency-Key: what reached the database is remembered, what did not is not', async () => {
    const key = (name: string) => ({ 'idempotency-key': name })
    assertProblem(await shop.update('kept', 'paid', key('404')), 404, 'order-not-found')
    assertProblem(await create({ orderId: 'kept' }, key('400')), 400, 'invalid-request')
    assert.equal((await shop.create('kept', key('400'))).status, 201, 'a 400 does not hold its key')
    assertProblem(await shop.update('kept', 'paid', key('404')), 404, 'order-not-found')
    assertProblem(await shop.create('kept', key('409')), 409, 'order-exists')
    assertProblem(await shop.create('kept', key('409')), 409, 'order-exists')
    const wrong = { ...key('412'), 'if-match': '"7"' }
    assertProblem(await shop.update('kept', 'paid', wrong), 412, 'version-mismatch')
    assertProblem(await shop.update('kept', 'paid', wrong), 412, 'version-mismatch')
    assertProblem(await shop.create('other', key('400')), 422, 'idempotency-key-reused')
    assertProblem(await shop.inCart('other'), 404, 'order-not-found')
    assertProblem(await shop.update('kept', 'paid', key('k'.repeat(256))), 400, 'invalid-request')
    assert.equal((await shop.update('kept', 'paid', key('k'.repeat(255)))).status, 200)
  })

  test('Prefer: respond-async answers at once; wait waits', async () => {
    const quick = await shop.create('async', { prefer: 'respond-async' })
    assert.equal(quick.status, 202)
    assert.equal(quick.headers['event-delivery'], 'pending')
    assert.equal((await shop.details('async', { minVersion: 1 })).status, 200)
    assert.equal((await shop.create('waited', { prefer: 'wait=99, handling=strict' })).status, 201)
    assert.equal((await shop.create('odd', { prefer: 'wait=soon; colour="red", , handling=' })).status, 201)
  })

  test('ids of every kind work in every path', async () => {
    for (const orderId of oddIds) {
      const created = await shop.create(orderId)
      assert.equal(created.status, 201, `${orderId}: ${created.text}`)
      assert.equal(created.json().orderId, orderId)
      const location = String(created.headers.location)
      assert.match(location, /^\/orders\/[\w.~!*'()%-]+$/)
      assert.equal(decodeURIComponent(location.slice('/orders/'.length)), orderId)
      const inCart = await shop.toCart(location)
      assert.equal(inCart.text, created.text, `${orderId} at ${location}`)
      const updated = await shop.update(orderId, 'paid')
      assert.equal(updated.headers.etag, '"2"', `${orderId}: ${updated.text}`)
      const details = await shop.details(orderId, { minVersion: 2 })
      assert.equal(details.json().orderId, orderId)
      assert.equal((await shop.toOrder(`/ops/keys/${encodeURIComponent(orderId)}`)).status, 200, orderId)
      assertProblem(await shop.parked(orderId), 404, 'nothing-parked')
      const after = await shop.topicIds({ after: orderId, limit: 1 })
      assert.deepEqual([after.orderIds, after.next], [[], null], `${orderId} is the last id of the list`)
    }
    const { orderIds } = await shop.topicIds()
    assert.deepEqual(orderIds.slice(-oddIds.length), oddIds)
    const log = await eventsByOrder(stack.address('kafka'), stack.address('registry'))
    for (const orderId of oddIds)
      assert.deepEqual(
        log.get(orderId)?.map((event) => event.version),
        [1, 2],
        orderId,
      )
  })

  test('ids that cannot be are a 400 in every path, never a 500', async () => {
    for (const path of ['%00', '%ED%A0%BD', '%C3%28', '%zz', 'x'.repeat(129), '%F0%9F%9B%92'.repeat(129)]) {
      const answers = await Promise.all([
        shop.toCart(`/orders/${path}`),
        shop.toOrder(`/order-details?orderId=${path}`),
        shop.toOrder(`/ops/parked/${path}`),
        shop.toOrder(`/ops/keys/${path}`),
      ])
      for (const answer of answers) {
        assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status} ${answer.text}`)
        assert.match(String(answer.headers['content-type']), /^application\/problem\+json/)
      }
    }
  })

  test('wrong methods, types, sizes and paths', async () => {
    for (const [path, method, allow] of [
      ['/create-order', 'GET', 'POST'],
      ['/create-order', 'DELETE', 'POST'],
      ['/update-order', 'POST', 'PUT'],
      ['/orders/o-1', 'PUT', 'GET'],
    ] as const) {
      const answer = await shop.toCart(path, { method })
      assertProblem(answer, 405, 'method-not-allowed')
      assert.ok(answer.headers.allow?.split(/, */).includes(allow), `Allow of ${path}: ${answer.headers.allow}`)
    }
    assertProblem(
      await shop.toOrder('/order-details?orderId=o', { method: 'POST', body: {} }),
      405,
      'method-not-allowed',
    )
    assertProblem(await shop.toCart('/'), 404, 'route-not-found')
    assertProblem(await shop.toOrder('/nowhere'), 404, 'route-not-found')

    const order = JSON.stringify({ orderId: 'never-stored', itemsNum: 1 })
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'application/jsonx']) {
      assertProblem(await create(order, { 'content-type': type }), 415, 'unsupported-media-type')
    }
    assert.equal(
      (await create({ orderId: 'typed', itemsNum: 1 }, { 'content-type': 'application/json; charset=utf-8' })).status,
      201,
    )

    for (const size of [257, 3_000, 15_000]) {
      const large = JSON.stringify({ orderId: 'never-stored', itemsNum: 1, filler: 'x'.repeat(size * 1024) })
      for (let time = 0; time < 10; time++) assertProblem(await create(large), 413, 'body-too-large')
    }
    assertProblem(await shop.inCart('never-stored'), 404, 'order-not-found')
  })

  test('what the order service refuses', async () => {
    await shop.create('known')
    await shop.details('known', { minVersion: 1 })
    const fields: [path: string, field: string][] = [
      ['/order-details', 'orderId'],
      ['/order-details?orderId=', 'orderId'],
      ['/order-details?orderId=a&orderId=b', 'orderId'],
      ['/order-details?orderId=known&minVersion=0', 'minVersion'],
      ['/order-details?orderId=known&minVersion=1.5', 'minVersion'],
      ['/order-details?orderId=known&minVersion=x', 'minVersion'],
      ['/order-details?orderId=known&minVersion=1&wait=-1', 'wait'],
      ['/order-details?orderId=known&minVersion=1&wait=31', 'wait'],
      ['/order-details?orderId=known&colour=red', 'colour'],
      ['/getAllOrderIdsFromTopic', 'topic'],
      ['/getAllOrderIdsFromTopic?topic=order-events&limit=0', 'limit'],
      ['/getAllOrderIdsFromTopic?topic=order-events&after=unknown', 'after'],
      ['/orders?limit=1001', 'limit'],
      ['/orders?limit=x', 'limit'],
    ]
    for (const [path, field] of fields) {
      const problem = assertProblem(await shop.toOrder(path), 400, 'invalid-request')
      assert.ok(
        problem.errors?.some((error) => error.field === field),
        `${path}: ${JSON.stringify(problem)}`,
      )
    }
    assertProblem(await shop.details('unknown'), 404, 'order-not-found')
    assertProblem(await shop.details('unknown', { minVersion: 1, wait: 0 }), 503, 'not-yet-processed')
    assertProblem(await shop.details('known', { minVersion: 2, wait: 0 }), 503, 'not-yet-processed')
    const other = assertProblem(await shop.toOrder('/getAllOrderIdsFromTopic?topic=other'), 404, 'topic-not-consumed')
    assert.match(other.detail, /order-events/)
  })

  test('every service tells of itself', async () => {
    for (const ask of [shop.toCart.bind(shop), shop.toOrder.bind(shop)]) {
      for (const path of ['/health/live', '/health/ready', '/metrics', '/docs', '/openapi.json']) {
        const answer = await ask(path)
        // /docs may point to the page itself.
        assert.ok([200, 301, 302].includes(answer.status), `${path}: ${answer.status} ${answer.text}`)
      }
      assert.match((await ask('/metrics')).text, /^# TYPE \w+ /m)
      assert.match((await ask('/openapi.json')).json<{ openapi: string }>().openapi, /^3\.1\./)
    }
  })
})
