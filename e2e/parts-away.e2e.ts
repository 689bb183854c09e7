// The registry or PostgreSQL hangs, or is gone.
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { assertArrived, type Outcome } from './arrival.ts'
import { type Answer, assertProblem, NoAnswer } from './http.ts'
import { Load } from './load.ts'
import { sharedStack } from './shared-stack.ts'
import { Shop, versionOf } from './shop.ts'

suite('registry and database away', () => {
  let stack: Stack
  let shop: Shop
  const changed = new Map<string, string[]>()
  before(async () => {
    stack = await sharedStack()
    shop = new Shop(stack)
    assert.equal((await create('earlier')).status, 201)
    assert.equal((await shop.details('earlier', { minVersion: 1 })).status, 200)
  })

  const create = async (orderId: string): Promise<Answer> => {
    const answer = await shop.create(orderId)
    if (answer.status < 300) changed.set(orderId, ['new'])
    return answer
  }
  const untilReady = (service: 'cart' | 'order') =>
    until(`${service} is ready`, async () => {
      const ask = service === 'cart' ? shop.toCart.bind(shop) : shop.toOrder.bind(shop)
      return (await ask('/health/ready')).status === 200
    })
  const frozen = async (part: string, work: () => Promise<void>) => {
    stack.freeze(part)
    try {
      await work()
    } finally {
      stack.thaw(part)
    }
  }

  test('registry frozen: services that know the schema go on as if nothing were', async () => {
    await frozen('registry', async () => {
      const answer = await create('cached')
      assert.equal(answer.status, 201, answer.text)
      assert.equal((await shop.details('cached', { minVersion: 1 })).status, 200)
    })
  })

  test('registry frozen, both services started anew: orders are accepted, nothing is parked, all arrive later', async () => {
    await frozen('registry', async () => {
      await Promise.all([stack.replaced('cart'), stack.replaced('order')])
      await Promise.all([untilReady('cart'), untilReady('order')])
      for (const answer of await Promise.all([0, 1, 2, 3, 4].map((n) => create(`no-registry-${n}`)))) {
        assert.equal(answer.status, 202, answer.text)
        assert.equal(answer.headers['event-delivery'], 'pending')
        assert.ok(answer.ms < 4_000, `${answer.ms} ms`)
      }
      assert.equal((await shop.details('earlier')).status, 200)
      assertProblem(await shop.details('no-registry-0', { minVersion: 1, wait: 0 }), 503, 'not-yet-processed')
      assert.deepEqual((await shop.toOrder('/ops/parked')).json().items, [])
    })
    await assertArrived(stack, shop, changed)
    assert.equal((await create('registry-back')).status, 201)
  })

  test('an order service that meets its first event while the registry is away waits, and parks nothing', async () => {
    await frozen('registry', async () => {
      await stack.replaced('order')
      await untilReady('order')
      assert.equal((await create('unread')).status, 201, 'the cart knows the schema')
      assertProblem(await shop.details('unread', { minVersion: 1, wait: 2 }), 503, 'not-yet-processed')
      assert.deepEqual((await shop.toOrder('/ops/parked')).json().items, [])
    })
    assert.equal((await shop.details('unread', { minVersion: 1, wait: 30 })).status, 200)
  })

  test('registry killed: it comes back with the same schemas', async () => {
    await stack.replaced('registry')
    await Promise.all([stack.replaced('cart'), stack.replaced('order')])
    await Promise.all([untilReady('cart'), untilReady('order')])
    const answer = await create('after-registry')
    assert.ok([201, 202].includes(answer.status), answer.text)
    await assertArrived(stack, shop, changed)
  })

  test('PostgreSQL frozen: 503 within seconds, and all is well when it goes on', async () => {
    const once = new Map<string, Outcome>()
    const createOnce = async () => {
      const orderId = `once-${once.size}`
      once.set(orderId, 'unknown')
      const answer = await shop.create(orderId)
      if (answer.status === 503) once.set(orderId, 'refused')
      return answer
    }
    // What hung in the freeze may get no answer, when it cannot be found out; never anything but 503 otherwise.
    const refused = async (request: () => Promise<Answer>) => {
      try {
        const answer = await request()
        assertProblem(answer, 503, 'database-away')
        assert.ok(answer.ms < 15_000, `${answer.ms} ms`)
        return true
      } catch (error) {
        if (error instanceof NoAnswer) return false
        throw error
      }
    }
    assert.equal((await shop.create('updated')).status, 201)
    await frozen('postgres', async () => {
      const requests = [
        createOnce,
        () => shop.update('updated', 'paid'),
        createOnce,
        () => shop.inCart('earlier'),
        () => shop.details('earlier'),
        () => shop.details('earlier', { minVersion: 9, wait: 1 }),
        () => shop.toOrder('/orders'),
        () => shop.toOrder('/getAllOrderIdsFromTopic?topic=order-events'),
        () => shop.toOrder('/ops/parked'),
      ]
      await Promise.all(requests.map((request) => until('it is refused with 503', () => refused(request))))
      for (const ready of [shop.toCart('/health/ready'), shop.toOrder('/health/ready')]) {
        assertProblem(await ready, 503, 'not-ready')
      }
    })
    await until('an order is answered 201', async () => (await create(`thawed-${changed.size}`)).status === 201)
    await assertArrived(stack, shop, changed, once)
    assert.equal(versionOf(await shop.details('updated')), versionOf(await shop.inCart('updated')))
  })

  test('I2: PostgreSQL killed amid load: 503 while it is gone, no order that was accepted is lost', async () => {
    const load = new Load(shop, 'postgres-killed')
    for (let time = 0; time < 2; time++) {
      await load.more(300)
      await stack.replaced('postgres')
    }
    await load.more(500)
    assert.ok(load.refused + load.unknown > 0, 'the kill met no request: the load is too light to show anything')
    await load.arrives(stack)
  })
})
