// Two of each service, as `npm start -- --instances 2` runs them: they share the work, and take over from each other.
import assert from 'node:assert/strict'
import { before, suite, type TestContext, test } from 'node:test'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { assertArrived } from './arrival.ts'
import { send } from './http.ts'
import { Load } from './load.ts'
import { cartAndOrder, sharedStack } from './shared-stack.ts'
import { Shop, versionOf } from './shop.ts'
import { eventsByOrder } from './topic.ts'

const carts = ['cart', 'cart-2']
const orders = ['order', 'order-2']

suite('two instances of each service', () => {
  let stack: Stack
  /** Asks both carts in turn. */
  let shop: Shop
  before(async () => {
    stack = await sharedStack({ args: ['--instances', '2'], env: cartAndOrder })
    shop = new Shop(stack, { carts })
  })

  async function metric(instance: string, name: string): Promise<number> {
    const { text } = await send(`${stack.url(instance)}/metrics`)
    return Number(new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1] ?? assert.fail(`no ${name} in ${instance}`))
  }
  const sum = async (instances: string[], name: string) =>
    (await Promise.all(instances.map((instance) => metric(instance, name)))).reduce((a, b) => a + b)

  /** The cart that publishes, and the other. */
  async function roles(): Promise<[leader: string, follower: string]> {
    const leads = async (cart: string) => (await metric(cart, 'inorder_outbox_leads')) === 1
    await until('one cart leads', async () => (await sum(carts, 'inorder_outbox_leads')) === 1)
    return (await leads('cart')) ? ['cart', 'cart-2'] : ['cart-2', 'cart']
  }

  /** Until a cart answers 201, which it does within some seconds of `begun`. */
  async function publishes(t: TestContext, cart: string, after: string, begun: number): Promise<void> {
    const one = new Shop(stack, { carts: [cart] })
    let n = 0
    await until('201', async () => (await one.create(`${after}-${n++}`, { prefer: 'wait=1' })).status === 201, 20_000)
    const took = performance.now() - begun
    t.diagnostic(`${after}: the other cart publishes after ${(took / 1000).toFixed(1)} s`)
    assert.equal(await metric(cart, 'inorder_outbox_leads'), 1)
    assert.ok(took < 10_000, `${took} ms`)
  }

  test('the second instances are named and listen 100 ports higher; the ready line and stack.json say so', () => {
    const ready = stack.lines.find((line) => line.startsWith('ready')) ?? ''
    const ports = { cart: 3001, 'cart-2': 3101, order: 3002, 'order-2': 3102 }
    for (const [name, port] of Object.entries(ports)) {
      const address = `127.0.0.1:${port + stack.offset}`
      assert.ok(ready.includes(`${name} http://${address}`), `${name} in ${ready}`)
      assert.equal(stack.parts().find((part) => part.name === name)?.address, address)
    }
  })

  test('the cart that does not lead answers 201 as well: it hears from the leader', async () => {
    const [, follower] = await roles()
    const one = new Shop(stack, { carts: [follower] })
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => one.create(`followed-${n}`)))
    for (const answer of answers)
      assert.deepEqual([answer.status, answer.headers['event-delivery']], [201, 'delivered'])
  })

  test('one order changed through both carts at once: one sequence of versions, kept in the log and behind it', async () => {
    assert.equal((await shop.create('contended')).status, 201)
    const statuses = ['new']
    const changes = Array.from({ length: 60 }, async (_, n) => {
      const answer = await shop.update('contended', `change-${n}`)
      assert.equal(answer.status, 200, answer.text)
      statuses[versionOf(answer) - 1] = `change-${n}`
    })
    await Promise.all(changes)
    await assertArrived(stack, shop, new Map([['contended', statuses]]))
  })

  test('a leading cart that is killed: the other publishes; the killed one comes back as itself', async (t) => {
    const [leader, follower] = await roles()
    const load = new Load(shop, 'leader-killed')
    await load.more(300)
    const begun = performance.now()
    await stack.replaced(leader)
    // Kept from coming back before the other has had its chance.
    stack.freeze(leader)
    try {
      await publishes(t, follower, 'killed', begun)
    } finally {
      stack.thaw(leader)
    }
    await load.more(500)
    assert.ok(load.unknown > 0, 'the kill met no request: the load is too light to show anything')
    const itself = async () => (await send(`${stack.url(leader)}/health/ready`)).status === 200
    await until('the killed one is ready, at the address it had', itself)
    await load.arrives(stack)
    assert.match(stack.lines.join('\n'), new RegExp(`^.* ${leader} ended \\(SIGKILL\\): starting it again$`, 'm'))
  })

  test('I8: a leading cart that hangs: the other publishes; thawed, the old one does no harm', async (t) => {
    const [leader, follower] = await roles()
    const load = new Load(shop, 'leader-frozen')
    const others = new Load(new Shop(stack, { carts: [follower] }), 'follower')
    await load.more(300)
    const begun = performance.now()
    stack.freeze(leader)
    try {
      await publishes(t, follower, 'frozen', begun)
      await others.more(300)
    } finally {
      stack.thaw(leader)
    }
    await load.more(300)
    assert.deepEqual(await roles(), [follower, leader], 'who took over keeps it')
    await load.end()
    await others.arrives(stack)
    await load.arrives(stack)
  })

  test('both order services work; one that is killed is stood in for, and nothing is lost or overtaken', async () => {
    const load = new Load(shop, 'order-killed')
    for (const name of orders)
      await until(`${name} applies events`, async () => (await metric(name, 'inorder_inbox_applied_total')) > 0)
    await stack.replaced('order')
    await load.more(300)
    await stack.replaced('order-2')
    await load.more(300)
    await load.arrives(stack)
  })

  test('I8: an order service that hangs: the other takes its partitions; thawed, it applies nothing twice', async () => {
    const before = await sum(orders, 'inorder_inbox_applied_total')
    const earlier = await eventsInLog()
    const load = new Load(shop, 'order-frozen')
    const own = await metric('order', 'inorder_inbox_applied_total')
    await until('it has partitions', async () => (await metric('order', 'inorder_inbox_applied_total')) > own)
    stack.freeze('order')
    try {
      await load.more(500)
      const other = new Shop(stack, { carts, orders: ['order-2'] })
      // More than enough for each partition to hold one.
      const created = Array.from({ length: 60 }, async (_, n) => {
        assert.equal((await other.create(`hanging-${n}`)).status, 201)
        const read = async () => (await other.details(`hanging-${n}`)).status === 200
        await until('the other has read it', read)
      })
      await Promise.all(created)
    } finally {
      stack.thaw('order')
    }
    await load.more(300)
    await load.arrives(stack)
    const applied = (await sum(orders, 'inorder_inbox_applied_total')) - before
    const published = (await eventsInLog()) - earlier
    assert.ok(applied <= published, `${applied} events were applied, and there are ${published}`)
  })

  async function eventsInLog(): Promise<number> {
    const log = await eventsByOrder(stack.address('kafka'), stack.address('registry'))
    return [...log.values()].flat().length
  }
})
