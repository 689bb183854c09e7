// Many orders on random ways, two instances of each service, kills amid: afterwards every account has to be right.
// CAMPAIGN_ORDERS=100000 CAMPAIGN_KILL_EVERY=5 CAMPAIGN_SEED=7 npm test -- e2e/campaign.e2e.ts is the long form.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, suite, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { traced } from './collector.ts'
import { NoAnswer, send } from './http.ts'
import { sharedStack } from './shared-stack.ts'
import { Shop } from './shop.ts'
import { sql } from './sql.ts'
import { eventsByOrder } from './topic.ts'

const orders = Number(process.env.CAMPAIGN_ORDERS ?? 100)
const seed = Number(process.env.CAMPAIGN_SEED ?? Date.now() % 1_000_000)
/** Seconds. */
const killEvery = Number(process.env.CAMPAIGN_KILL_EVERY ?? 2)
const clients = 40
const items = 20
/** Of each item at the start: less than is wanted of the popular ones, so that orders wait for stock. */
const onHand = Math.ceil((orders / items) * 3)
const consumers = ['order', 'inventory', 'billing', 'shipping']
const killed = ['cart', ...consumers].flatMap((name) => [name, `${name}-2`])

/** Mulberry32: the same run for the same seed, as far as the machine's timing lets it. */
function randomOf(start: number): () => number {
  let a = start
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

const ways = ['pending', 'confirmed', 'paid', 'shipped', 'delivered', 'cancelled', 'gift-wrapped']

suite(`${orders} orders, seed ${seed}`, () => {
  let stack: Stack
  let shop: Shop
  const random = randomOf(seed)
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!
  /** The statuses of each order, as its client was told they are stored. */
  const stored = new Map<string, string[]>()

  before(async () => {
    stack = await sharedStack({ args: ['--instances', '2'], env: await traced() })
    shop = new Shop(stack, { carts: ['cart', 'cart-2'] })
    for (let n = 0; n < items; n++) await putStock(n, onHand)
  })

  const putStock = async (n: number, amount: number) => {
    const answer = await send(`${stack.url('inventory')}/stock/item-${n}`, { method: 'PUT', body: { onHand: amount } })
    assert.equal(answer.status, 200, answer.text)
  }

  async function client(queue: string[]): Promise<void> {
    for (let orderId = queue.pop(); orderId !== undefined; orderId = queue.pop()) {
      const statuses: string[] = []
      stored.set(orderId, statuses)
      const lines = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
        // Some items are wanted more than others.
        itemId: `item-${Math.floor(random() * random() * items)}`,
        quantity: 1 + Math.floor(random() * 3),
        price: Math.floor(random() * 10_000) / 100,
      }))
      await untilStored((headers) => shop.create(orderId, headers, { orderId, customerId: 'c', items: lines }))
      statuses.push('new')
      for (let changes = Math.floor(random() * 5); changes > 0; changes--) {
        const status = pick(ways)
        await untilStored((headers) => shop.update(orderId, status, headers))
        if (statuses.at(-1) !== status) statuses.push(status)
      }
    }
  }

  /** The same request, with one idempotency key, until the cart has said what became of it. */
  async function untilStored(request: (headers: Record<string, string>) => ReturnType<typeof send>): Promise<void> {
    const headers = { 'idempotency-key': randomUUID() }
    await until('the cart answers', async () => {
      try {
        const { status, text } = await request(headers)
        if (status < 300) return true
        assert.ok(status === 503 || status === 409, `${status} ${text}`)
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error
      }
      await pause(50)
      return false
    })
  }

  test('I11: orders are taken while services are killed', { timeout: 3_600_000 }, async (t: TestContext) => {
    const queue = Array.from({ length: orders }, (_, n) => `campaign-${n}`)
    let done = false
    const working = Promise.all(Array.from({ length: clients }, () => client(queue))).finally(() => {
      done = true
    })
    let kills = 0
    while (!done) {
      await Promise.race([pause(killEvery * 1_000), working])
      if (done) break
      await stack.replaced(pick(killed))
      kills++
    }
    await working
    // Whoever was killed last is started again by now, and may not listen yet.
    for (const name of killed) {
      const ready = `${stack.url(name)}/health/ready`
      await until(`${name} is ready again`, async () => (await send(ready)).status === 200)
    }
    t.diagnostic(`${kills} kills`)
    assert.ok(kills > 0)
  })

  test('I9: what was accepted is in the log, in order', async () => {
    await until('the outbox is empty', async () => (await count('cart', 'SELECT count(*) FROM outbox')) === 0)
    const log = await eventsByOrder(stack.address('kafka'), stack.address('registry'))
    assert.equal(log.size, orders)
    for (const [orderId, statuses] of stored) {
      const events = log.get(orderId)?.map(({ version, order }) => `${version} ${order.status}`)
      assert.deepEqual(
        events,
        statuses.map((status, n) => `${n + 1} ${status}`),
        orderId,
      )
    }
  })

  test('I1, I3 and I10: every service has applied every version, and nothing is parked', {
    timeout: 3_600_000,
  }, async () => {
    const versions = [...stored.values()].reduce((sum, statuses) => sum + statuses.length, 0)
    for (const service of consumers) {
      const applied = 'SELECT coalesce(sum(applied_version), 0) FROM inbox_key'
      await until(`${service} has applied all`, async () => (await count(service, applied)) === versions, 1_800_000)
      assert.equal(await count(service, 'SELECT count(*) FROM inbox_key'), orders)
      assert.equal(await count(service, 'SELECT count(*) FROM parked'), 0)
      const ahead = await sql<{ order_id: string; applied_version: string }>(
        stack.databaseUrl(service),
        'SELECT key AS order_id, applied_version FROM inbox_key',
      )
      for (const row of ahead) assert.equal(Number(row.applied_version), stored.get(row.order_id)?.length, row.order_id)
    }
    for (const service of ['billing', 'shipping']) {
      const left = 'SELECT count(*) FROM effect'
      await until(`${service} has no effect left`, async () => (await count(service, left)) === 0, 1_800_000)
    }
  })

  test('I4: stock is conserved: what is reserved is what reserved orders want, and available is never negative', async () => {
    await until('the allocator has seen all', async () => (await count('inventory', unseen)) === 0)
    const reserved = new Map<string, number>()
    const left = new Map<string, number>()
    for (const orderId of stored.keys()) {
      const { status, lines } = (await reservation(orderId)) as {
        status: string
        lines: { itemId: string; quantity: number; short: number }[]
      }
      for (const { itemId, quantity, short } of lines) {
        if (status === 'reserved') add(reserved, itemId, quantity)
        if (status === 'shipped') add(left, itemId, quantity - short)
      }
    }
    for (let n = 0; n < items; n++) {
      const itemId = `item-${n}`
      const stock = (await send(`${stack.url('inventory')}/stock/${itemId}`)).json<Record<string, number>>()
      assert.equal(stock.reserved, reserved.get(itemId) ?? 0, `reserved of ${itemId}`)
      assert.equal(stock.onHand, onHand - (left.get(itemId) ?? 0), `on hand of ${itemId}`)
      assert.equal(stock.available, stock.onHand! - stock.reserved!)
      assert.ok(stock.available! >= 0)
    }
  })
  const unseen = `SELECT (SELECT count(*) FROM demand_change) + (SELECT count(*) FROM stock WHERE recheck IS NOT NULL)`
  const add = (to: Map<string, number>, key: string, amount: number) => to.set(key, (to.get(key) ?? 0) + amount)
  const reservation = async (orderId: string) =>
    (await send(`${stack.url('inventory')}/reservations/${orderId}`)).json()

  test('I4: the ledger balances, and says what the gateway did: one charge an order at most that was not refunded', async () => {
    const gateway = new Map<string, string[]>()
    for (const { action, request } of await deeds('payment'))
      gateway.set(request.orderId, [...(gateway.get(request.orderId) ?? []), action])
    for (const [orderId, statuses] of stored) {
      const invoice = await send(`${stack.url('billing')}/invoices/${orderId}`)
      const { status, amount } = invoice.json<{ status: string; amount: number }>()
      const done = gateway.get(orderId) ?? []
      const charges = done.filter((action) => action === 'charges').length
      const refunds = done.filter((action) => action === 'refunds').length
      assert.ok(charges <= 1, `${orderId} was charged ${charges} times`)
      // One in 30,000 costs nothing: the gateway is not asked for that.
      const ofStatus = { draft: [0, 0], charged: [1, 0], voided: [0, 0], refunded: [1, 1] }[status]
      const expected = amount === 0 ? [0, 0] : ofStatus
      assert.deepEqual([charges, refunds], expected, `${orderId}: ${status} after ${statuses}`)
    }
    assert.deepEqual(await sql(stack.databaseUrl('billing'), unbalanced), [])
  })
  /** A posting has one debit and one credit; what came in of an order is its amount if it is charged, else nothing. */
  const unbalanced = `
    SELECT i.order_id FROM invoices i LEFT JOIN postings p USING (order_id) GROUP BY i.order_id
    HAVING coalesce(sum(CASE p.debit WHEN 'cash' THEN p.amount ELSE -p.amount END), 0)
      <> CASE WHEN i.status = 'charged' THEN i.amount ELSE 0 END`

  test('I4: one label an order at most, taken back where the order was cancelled', async () => {
    const carrier = new Map<string, string[]>()
    for (const { action, request } of await deeds('carrier'))
      carrier.set(request.orderId, [...(carrier.get(request.orderId) ?? []), action])
    for (const orderId of stored.keys()) {
      const { status } = (await send(`${stack.url('shipping')}/shipments/${orderId}`)).json<{ status: string }>()
      const done = (carrier.get(orderId) ?? []).join()
      const expected: Record<string, string[]> = {
        quoted: [''],
        dispatched: ['labels'],
        delivered: ['', 'labels'],
        cancelled: ['', 'labels,cancellations'],
        recalled: ['labels,recalls'],
      }
      assert.ok(expected[status]?.includes(done), `${orderId} is ${status}, and the carrier did: ${done}`)
    }
  })

  const deeds = async (sandbox: string) =>
    (await send(`${stack.url(sandbox)}/deeds`)).json<{ items: { action: string; request: { orderId: string } }[] }>()
      .items
  const count = async (service: string, text: string) =>
    Number(Object.values((await sql(stack.databaseUrl(service), text))[0]!)[0])
})
