// Services that are killed or hang while clients are at work.
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { Load } from './load.ts'
import { sharedStack } from './shared-stack.ts'
import { Shop } from './shop.ts'
import { sql } from './sql.ts'
import { membersOf } from './topic.ts'

suite('killed amid load', () => {
  let stack: Stack
  let shop: Shop
  before(async () => {
    stack = await sharedStack()
    shop = new Shop(stack)
  })

  const advisoryLocks = async () => {
    const held = `SELECT count(*)::int AS held FROM pg_locks JOIN pg_database d ON d.oid = database
                  WHERE locktype = 'advisory' AND datname = current_database()`
    return (await sql<{ held: number }>(stack.databaseUrl('cart'), held))[0]?.held
  }

  test('an order service killed twice loses nothing and applies nothing twice', async () => {
    const load = new Load(shop, 'order-killed')
    await load.more(300)
    for (let time = 0; time < 2; time++) {
      await stack.replaced('order')
      await load.more(500)
    }
    await load.arrives(stack)
    // The one that came back took the place of the one that was killed: nobody waits until Kafka has given that up.
    assert.deepEqual(await membersOf(stack.address('kafka'), 'order'), ['order'])
  })

  test('a cart killed twice has stored and delivers every change that it accepted', async () => {
    const load = new Load(shop, 'cart-killed')
    await load.more(300)
    for (let time = 0; time < 2; time++) {
      await stack.replaced('cart')
      await load.more(500)
    }
    assert.ok(load.unknown > 0, 'the kill met no request: the load is too light to show anything')
    await load.arrives(stack)
  })

  test('an order service that hung goes on where it was', async () => {
    const load = new Load(shop, 'order-frozen')
    await load.more(300)
    stack.freeze('order')
    try {
      await load.more(2_000)
    } finally {
      stack.thaw('order')
    }
    await load.more(100)
    await load.arrives(stack)
  })

  test('a cart that hung goes on where it was', async () => {
    const load = new Load(shop, 'cart-frozen')
    await load.more(300)
    stack.freeze('cart')
    try {
      assert.equal((await shop.details('order-frozen-c0-0')).status, 200, 'the order service answers without the cart')
      await until("the hung relay's lock is released without it", async () => (await advisoryLocks()) === 0)
    } finally {
      stack.thaw('cart')
    }
    await load.more(300)
    await load.arrives(stack)
  })
})
