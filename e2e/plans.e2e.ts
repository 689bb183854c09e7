// What each statement of an order's way touches when there are many orders. Sessions keep plans: those that are asked
// here were made while the tables were nearly empty, and no ANALYZE has told anybody since.
import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import { before, suite, test } from 'node:test'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { type Executed, executed, explainAll, logEnd } from './explained.ts'
import { send } from './http.ts'
import { fillTables, largeTables, unlogged, waitingFor } from './many-rows.ts'
import { sharedStack } from './shared-stack.ts'
import { Shop } from './shop.ts'
import { sql } from './sql.ts'
import { changedEvent, produce, readTopic } from './topic.ts'

/** What a statement may look at does not depend on it; a million takes minutes to fill in (PLANS_ROWS=1000000). */
const rows = Number(process.env.PLANS_ROWS ?? 10_000)
/** A page, a round of the allocator. A statement is asked for no more here, so it may look at no more than a few times that. */
const mostAsked = 1_000
const mostRows = 3 * mostAsked
const mostBlocks = 10 * mostAsked
/** File that is told what each statement touched. */
const report = process.env.PLANS_REPORT
const services = ['cart', 'order', 'inventory', 'billing', 'shipping']

/** What must be among the statements that ran, so that a plan which is not seen is not taken for a good one. */
const hotPath: Record<string, RegExp[]> = {
  cart: [
    /^INSERT INTO idempotency/,
    /^SELECT key, operation, request_hash/,
    /^UPDATE idempotency/,
    /^INSERT INTO orders/,
    /AS mine .* LEFT JOIN orders/,
    /FROM orders WHERE order_id = ANY .* FOR UPDATE SKIP LOCKED/,
    /^UPDATE orders/,
    /^INSERT INTO outbox/,
    /FROM outbox o WHERE o.event_id = ANY/,
    /FROM outbox_dropped/,
    /FROM outbox o WHERE o.topic = topics/,
    /^DELETE FROM outbox/,
    /FROM orders WHERE order_id = \$1$/,
  ],
  order: [
    /FROM paused WHERE what = 'inbox'/,
    /FROM inbox_position .* FOR UPDATE/,
    /^INSERT INTO inbox_key/,
    /FROM inbox_key .* FOR UPDATE/,
    /FROM parked WHERE key = ANY.*UNION ALL/,
    /AS k \(key, applied\), LATERAL .* FROM parked/,
    /^INSERT INTO parked/,
    /^DELETE FROM parked/,
    /^WITH history AS \( INSERT INTO order_version .* INSERT INTO orders/,
    /^UPDATE inbox_key/,
    /^UPDATE inbox_position/,
    /^INSERT INTO topic_keys/,
    /^INSERT INTO outbox/,
    /FROM orders WHERE order_id = \$1$/,
    /max\(last\).* FROM topic_keys WHERE topic = \$1$/,
    /FROM topic_keys WHERE topic = \$1 AND arrived_at =/,
    /string_agg.* FROM topic_keys/,
    /FROM orders WHERE order_id > \$1/,
    /FROM order_version WHERE order_id = \$1/,
  ],
  inventory: [
    /^SELECT .* FROM demand WHERE/,
    /INSERT INTO demand /,
    /FROM demand_change ORDER BY/,
    /^WITH due AS .* FROM waiting/,
    /FROM stock WHERE item_id = ANY.*FOR UPDATE/,
    /FROM waiting WHERE item_id = id/,
    /^UPDATE stock SET on_hand/,
    /^INSERT INTO reservation/,
    /^INSERT INTO waiting/,
    /^DELETE FROM waiting/,
    /^DELETE FROM demand_change/,
    /FROM reservation JOIN demand/,
    /FROM stock WHERE item_id = \$1$/,
  ],
  billing: [
    /^SELECT .* FROM invoices WHERE/,
    /^INSERT INTO invoices/,
    /^INSERT INTO effect/,
    /^WITH RECURSIVE paused_kind AS .* FROM effect/,
    /FROM inbox_key .* FOR UPDATE/,
    /^WITH removed AS \(DELETE FROM effect .* INSERT INTO effect_done/,
    /FROM effect_done WHERE key = \$1/,
    /^INSERT INTO postings/,
    /FROM postings WHERE order_id/,
  ],
  shipping: [/^SELECT .* FROM shipments WHERE/, /^INSERT INTO shipments/, /^INSERT INTO effect/],
}

suite(`plans at ${rows} orders`, () => {
  let stack: Stack
  let shop: Shop
  let registry: string
  let kafka: string
  before(async () => {
    stack = await sharedStack({})
    shop = new Shop(stack)
    ;[kafka, registry] = [stack.address('kafka'), stack.address('registry')]
    for (const service of services) await sql(stack.databaseUrl(service), unlogged)
    await explainAll(stack)
    await until('an order is delivered in the new sessions', async () => {
      const { status } = await shop.create(`first-${performance.now()}`)
      return status === 201
    })
    await setStock('pen', 1_000_000)
  })

  const ok = async (answer: ReturnType<typeof send>, ...expected: number[]) => {
    const { status, text } = await answer
    assert.ok((expected.length > 0 ? expected : [200, 201, 202]).includes(status), `${status} ${text}`)
  }
  const setStock = (item: string, onHand: number) =>
    ok(send(`${stack.url('inventory')}/stock/${item}`, { method: 'PUT', body: { onHand } }))
  const of = (service: string, path: string) => send(`${stack.url(service)}${path}`)
  const reaches = (service: string, path: string, status: string) =>
    until(`${path} is ${status}`, async () => (await of(service, path)).json().status === status)

  /** Orders through all their statuses, and all that is asked on the way, of each service. */
  async function traffic(prefix: string, orders: number): Promise<void> {
    const ids = Array.from({ length: orders }, (_, n) => `${prefix}-${n}`)
    const all = (work: (orderId: string, n: number) => Promise<unknown>) => Promise.all(ids.map(work))
    const line = (n: number) => ({ itemId: n % 5 === 4 ? 'scarce' : 'pen', quantity: 1, price: 2.5 })
    const create = (orderId: string, n: number) =>
      shop.create(orderId, { 'idempotency-key': orderId }, { orderId, customerId: 'c-1', items: [line(n)] })
    await all((orderId, n) => ok(create(orderId, n)))
    await all((orderId, n) => ok(create(orderId, n)))
    await all((orderId) => ok(shop.create(orderId), 409))
    await all((orderId) => ok(shop.update(orderId, 'new')))
    await ok(shop.update(`no-${prefix}`, 'shipped'), 404)
    for (const status of ['confirmed', 'shipped'])
      await all((orderId, n) => ok(shop.update(orderId, n % 4 === 3 ? 'cancelled' : status)))
    await all((orderId) => ok(shop.inCart(orderId)))

    for (const orderId of [ids[0]!, ids.at(-3)!]) {
      await reaches('order', `/order-details?orderId=${orderId}&minVersion=3&wait=5`, 'shipped')
      await reaches('inventory', `/reservations/${orderId}`, 'shipped')
      await reaches('billing', `/invoices/${orderId}`, 'charged')
      await reaches('shipping', `/shipments/${orderId}`, 'dispatched')
      await ok(of('billing', `/ledger?orderId=${orderId}`))
      await ok(of('order', `/orders/${orderId}/versions`))
      await ok(of('billing', `/ops/keys/${orderId}`))
    }
    await setStock('scarce', 5)
    await ok(of('inventory', '/stock/scarce'))
    await ok(of('order', '/getAllOrderIdsFromTopic?topic=order-events&limit=1000'))
    await ok(of('order', `/getAllOrderIdsFromTopic?topic=order-events&limit=100&after=${ids[0]}`))
    for (const filter of ['', 'status=shipped', 'customerId=c-1', 'status=shipped&customerId=c-1'])
      for (const after of ['', `&after=${ids[0]}`]) await ok(of('order', `/orders?limit=100&${filter}${after}`))
  }

  /** A record that nobody can read, one behind it, and a gap that closes. */
  async function trouble(prefix: string): Promise<void> {
    const [poisoned, gap] = [`${prefix}-poisoned`, `${prefix}-gap`]
    for (const orderId of [poisoned, gap]) await ok(shop.create(orderId))
    await produce(kafka, 'order-events', [{ key: Buffer.from(poisoned), value: Buffer.from('poison') }])
    await ok(shop.update(poisoned, 'paid'))
    const log = await readTopic(kafka, 'order-events')
    const value = log.find(({ key }) => key?.toString() === gap)?.value ?? assert.fail(`${gap} is not in the log`)
    for (const version of [3, 2]) {
      const event = await changedEvent(registry, value, { version, eventId: crypto.randomUUID() })
      await produce(kafka, 'order-events', [{ key: Buffer.from(gap), value: event }])
    }
    for (const service of services.slice(1)) {
      await until(`${service} has healed`, async () => {
        const keys = await sql<{ key: string }>(
          stack.databaseUrl(service),
          `SELECT key FROM inbox_key WHERE key = $1 AND applied_version = 3 OR key = $2 AND held`,
          [gap, poisoned],
        )
        return keys.length === 2
      })
    }
  }

  /** Fails with what looked at more than it was asked for; of each statement the worst. */
  async function assertBounded(statements: readonly Executed[]): Promise<void> {
    const worst = new Map<string, Executed>()
    for (const one of statements) {
      const before = worst.get(one.by + one.text)
      if (!before || one.rows > before.rows) worst.set(one.by + one.text, one)
    }
    const told = ({ by, text, rows: read, blocks, ways }: Executed) =>
      `${by}: ${Math.round(read)} rows, ${blocks} blocks (${ways.join(', ')})\n  ${text}\n`
    if (report) appendFileSync(report, [...worst.values()].map(told).join(''))
    const large = new Map<string, string[]>()
    for (const service of services) large.set(service, await largeTables(stack, service, rows / 100))
    const wrong = [...worst.values()].filter(
      ({ by, rows: read, blocks, scanned }) =>
        read > mostRows || blocks > mostBlocks || scanned.some((table) => large.get(by)?.includes(table)),
    )
    assert.equal(wrong.map(told).join(''), '')
  }
  const ofServices = (from: number) =>
    executed(stack, from)
      .map((one) => ({ ...one, by: one.by.replace(/-\d$/, '') }))
      .filter(({ by }) => services.includes(by))

  test('no statement of an order looks at more than it is asked for', { timeout: 600_000 }, async () => {
    for (let round = 0; round < 4; round++) await traffic(`tiny-${round}`, 8)
    await trouble('tiny')
    for (const service of services) await sql(stack.databaseUrl(service), 'ANALYZE')
    for (let round = 0; round < 6; round++) await traffic(`small-${round}`, 8)
    for (let round = 0; round < 6; round++) await trouble(`small-${round}`)

    await fillTables(stack, rows)
    const from = logEnd(stack)
    try {
      await traffic('large', 8)
      await trouble('large')
      await traffic('many', 100)
    } finally {
      // Also where it took too long: this may be why.
      await assertBounded(ofServices(from))
    }
    const statements = ofServices(from)
    for (const [service, expected] of Object.entries(hotPath)) {
      const texts = statements.filter(({ by }) => by === service).map(({ text }) => text)
      for (const fragment of expected)
        assert.ok(
          texts.some((text) => fragment.test(text)),
          `${service} ran no ${fragment}`,
        )
    }
  })

  test('nor where a million events wait for Kafka', { timeout: 300_000 }, async () => {
    stack.freeze('kafka')
    try {
      await sql(stack.databaseUrl('cart'), waitingFor('order-events', rows))
      const reads = (since: number) =>
        ofServices(since).filter(({ text, rows: read }) => /FROM outbox o WHERE o.topic/.test(text) && read > 0)
      // One that began before all of it was committed stepped over what it did not see.
      const filled = logEnd(stack)
      await until('a read has begun since', () => reads(filled).length >= 1)
      const from = logEnd(stack)
      for (let n = 0; n < 20; n++) await ok(shop.create(`waits-${n}`, { prefer: 'respond-async' }), 202)
      for (let n = 0; n < 20; n++) await ok(shop.update(`waits-${n}`, 'paid', { prefer: 'respond-async' }), 202)
      await until('the lanes were read', () => reads(from).length >= 3)
      await assertBounded(ofServices(from))
    } finally {
      stack.thaw('kafka')
    }
  })
})
