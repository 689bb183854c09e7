// Why is my order stuck? What the console answers, of orders that stand still for different reasons.
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import type { Timeline } from '@inorder/contracts/timeline.ts'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { assertProblem, send } from './http.ts'
import { sharedStack } from './shared-stack.ts'
import { Shop } from './shop.ts'
import { produce } from './topic.ts'

const consumers = ['order', 'inventory', 'billing', 'shipping']

suite('the timeline of an order', () => {
  let stack: Stack
  let shop: Shop
  before(async () => {
    stack = await sharedStack({})
    shop = new Shop(stack)
    await stock('ink', 1_000)
  })

  const stock = async (item: string, onHand: number) => {
    const put = await send(`${stack.url('inventory')}/stock/${item}`, { method: 'PUT', body: { onHand } })
    assert.equal(put.status, 200, put.text)
  }
  const ask = (orderId: string) => send(`${stack.url('console')}/timeline/${encodeURIComponent(orderId)}`)
  const timelineOf = async (orderId: string): Promise<Timeline> => {
    const answer = await ask(orderId)
    assert.equal(answer.status, 200, answer.text)
    return answer.json<Timeline>()
  }
  /** Once its verdict is this. */
  const comesTo = (orderId: string, state: string, cause: string, service: string | null) =>
    until(`${orderId} is ${state}: ${cause} in ${service}`, async () => {
      const timeline = await timelineOf(orderId)
      const { verdict } = timeline
      if (verdict.state === state && verdict.cause === cause && verdict.service === service) return timeline
      throw new Error(JSON.stringify(verdict))
    })
  const create = async (orderId: string, itemId = 'ink') => {
    const body = { orderId, customerId: 'c-1', items: [{ itemId, quantity: 2, price: 1.5 }] }
    const answer = await shop.create(orderId, {}, body)
    assert.equal(answer.status, 201, answer.text)
  }
  const update = async (orderId: string, status: string) => {
    const answer = await shop.update(orderId, status)
    assert.equal(answer.status, 200, answer.text)
  }
  const gateway = async (mode: string) =>
    assert.equal((await send(`${stack.url('payment')}/behaviour`, { method: 'PUT', body: { mode } })).status, 200)
  const post = async (service: string, path: string, body: object) => {
    const answer = await send(`${stack.url(service)}${path}`, { method: 'POST', body })
    assert.equal(answer.status, 200, answer.text)
  }

  test('of a fine order: each version, and where every service is', async () => {
    const orderId = `it's/$(fine) 🛒`
    await create(orderId)
    await update(orderId, 'confirmed')
    await until('it is charged', async () => (await timelineOf(orderId)).services.billing?.status === 'charged')
    const { verdict, versions, services, outbox } = await comesTo(orderId, 'fine', 'none', null)
    assert.equal(
      verdict.sentence,
      'Every service has version 2 (confirmed), and has done its part. It is not shipped yet: it ships when it is set to shipped.',
    )
    assert.deepEqual(
      versions.map(({ version, status, previousStatus }) => [version, status, previousStatus]),
      [
        [1, 'new', null],
        [2, 'confirmed', 'new'],
      ],
    )
    assert.deepEqual(
      Object.entries(services).map(([name, { reachable, appliedVersion, status }]) => [
        name,
        reachable,
        appliedVersion,
        status,
      ]),
      [
        ['cart', true, 2, 'confirmed'],
        ['order', true, 2, 'confirmed'],
        ['inventory', true, 2, 'reserved'],
        ['billing', true, 2, 'charged'],
        ['shipping', true, 2, 'quoted'],
      ],
    )
    assert.deepEqual(outbox, [])
  })

  test('an order that nobody knows', async () => {
    assertProblem(await ask('nobody-knows-it'), 404, 'order-not-found')
    assertProblem(await ask('a\u0000b'), 400, 'invalid-request')
  })

  test('poisoned: held in each service until its event is given up there', async () => {
    await create('unreadable')
    await comesTo('unreadable', 'fine', 'none', null)
    await produce(stack.address('kafka'), 'order-events', [
      { key: Buffer.from('unreadable'), value: Buffer.from('garbage') },
    ])
    await until('each service holds it', async () => {
      const { services } = await timelineOf('unreadable')
      return consumers.every((name) => services[name]?.parked.length === 1)
    })
    const { verdict } = await comesTo('unreadable', 'held', 'undecodable', 'order')
    assert.match(verdict.sentence, /in the order service, inventory, billing and shipping/)
    assert.deepEqual(
      verdict.next.map(({ command }) => command),
      consumers.map(
        (name) =>
          `inorder discard --service=${name} --event=${verdict.event} --reason='given up: undecodable' -- unreadable`,
      ),
    )
    for (const service of consumers)
      await post(service, '/ops/parked/unreadable/discard', { event: verdict.event, reason: 'garbage' })
    await comesTo('unreadable', 'fine', 'none', null)
  })

  test('the payment is declined', async () => {
    await create('declined')
    await gateway('decline')
    await update('declined', 'confirmed')
    const { verdict } = await comesTo('declined', 'held', 'payment-declined', 'billing')
    await gateway('ok')
    assert.deepEqual(
      verdict.next.map(({ command }) => command),
      ['inorder update -- declined paid', 'inorder update -- declined cancelled'],
    )
    await update('declined', 'paid')
    await comesTo('declined', 'fine', 'none', null)
  })

  test('the payment gateway is down', async () => {
    await create('gateway-down')
    await gateway('fail')
    await update('gateway-down', 'confirmed')
    const { verdict } = await comesTo('gateway-down', 'waiting', 'effect-failing', 'billing')
    assert.match(verdict.sentence, /the payment gateway/)
    await gateway('ok')
    await post('billing', '/ops/effects/gateway-down/redrive', {})
    await comesTo('gateway-down', 'fine', 'none', null)
  })

  test('no stock', async () => {
    await create('no-stock', 'rare')
    const { verdict } = await comesTo('no-stock', 'waiting', 'backordered', 'inventory')
    assert.match(verdict.sentence, /rare: 2 wanted, 0 there/)
    await stock('rare', 2)
    await comesTo('no-stock', 'fine', 'none', null)
  })

  test('an operator has paused it', async () => {
    await create('paused')
    await comesTo('paused', 'fine', 'none', null)
    await post('order', '/ops/pause', { what: 'key', key: 'paused', reason: 'the customer calls back' })
    await update('paused', 'confirmed')
    const { verdict } = await comesTo('paused', 'held', 'paused', 'order')
    assert.match(verdict.sentence, /\(the customer calls back\)/)
    assert.deepEqual(
      verdict.next.map(({ command }) => command),
      ['inorder resume --service=order -- paused'],
    )
    await post('order', '/ops/resume', { what: 'key', key: 'paused' })
    await comesTo('paused', 'fine', 'none', null)
  })

  test('a service hangs: the rest is told within 2 s, and the service by name', async () => {
    await create('hanging')
    await comesTo('hanging', 'fine', 'none', null)
    const instances = stack.parts().filter(({ name }) => name.startsWith('shipping'))
    for (const { name } of instances) stack.freeze(name)
    try {
      const answer = await ask('hanging')
      assert.equal(answer.status, 200, answer.text)
      assert.ok(answer.ms < 3_000, `${answer.ms} ms`)
      const { verdict, services } = answer.json<Timeline>()
      assert.deepEqual([verdict.state, verdict.cause, verdict.service], ['unknown', 'service-unreachable', 'shipping'])
      assert.match(verdict.sentence, /shipping does not answer \(not in time\)/)
      assert.deepEqual(services.shipping, {
        ...{ reachable: false, appliedVersion: null, appliedAt: null, status: null },
        ...{ parked: [], effects: [] },
      })
      assert.equal(services.billing?.appliedVersion, 1)
    } finally {
      for (const { name } of instances) stack.thaw(name)
    }
    await comesTo('hanging', 'fine', 'none', null)
  })
})
