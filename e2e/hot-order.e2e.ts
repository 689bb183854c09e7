// What an outage leaves behind drains by itself: thousands of changes of one order, and a full outbox.
import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import type { Stack } from '@inorder/testing/stack.ts'
import { outboxRows, untilQuiet } from './arrival.ts'
import { fillOutbox } from './full-outbox.ts'
import { sharedStack } from './shared-stack.ts'
import { Shop, versionOf } from './shop.ts'
import { eventsByOrder } from './topic.ts'

/** 5,000 by hand; fewer in every run. */
const changes = Number(process.env.HOT_CHANGES ?? 1_000)
/** 200,000 by hand; fewer in every run. */
const rows = Number(process.env.OUTBOX_ROWS ?? 10_000)

suite('after an outage', () => {
  let stack: Stack
  let shop: Shop
  before(async () => {
    stack = await sharedStack()
    shop = new Shop(stack)
  })

  test(`${changes} changes of one order, 2 KB each, drain by themselves and in order`, async () => {
    // 14 lines of 128 characters: an event of about 2 KB, so that the waiting changes are far more than one send may hold.
    const items = Array.from({ length: 14 }, (_, n) => ({
      itemId: `${n}`.padStart(128, 'i'),
      quantity: 1,
      price: 1.25,
    }))
    const statuses = new Map([[1, 'new']])
    await shop.create('hot', {}, { orderId: 'hot', customerId: 'c-hot', items })
    assert.equal((await shop.details('hot', { minVersion: 1 })).status, 200)

    stack.freeze('kafka')
    try {
      let next = 0
      const client = async () => {
        while (next < changes) {
          const status = `change-${next++}`
          const answer = await shop.update('hot', status, { prefer: 'respond-async' })
          assert.equal(answer.status, 202, answer.text)
          assert.ok(!statuses.has(versionOf(answer)), `version ${versionOf(answer)} was given twice`)
          statuses.set(versionOf(answer), status)
        }
      }
      await Promise.all(Array.from({ length: 64 }, client))
      assert.ok((await outboxRows(stack)) >= changes)
    } finally {
      stack.thaw('kafka')
    }
    await untilQuiet(stack, shop, 120_000)

    const last = changes + 1
    for (const answer of [await shop.inCart('hot'), await shop.details('hot')]) {
      assert.equal(versionOf(answer), last)
      assert.equal(answer.json().status, statuses.get(last))
    }
    const log = (await eventsByOrder(stack.address('kafka'), stack.address('registry'))).get('hot') ?? []
    assert.deepEqual(
      log.map(({ version, order }) => [version, order.status]),
      [...statuses].sort(([a], [b]) => a - b),
    )
    assert.equal((await shop.update('hot', 'after the outage')).status, 200)
  })

  test(`an outbox of ${rows} rows drains by itself`, async () => {
    const before = (await shop.topicIds()).count
    stack.freeze('kafka')
    try {
      await fillOutbox(stack.databaseUrl('cart'), rows)
    } finally {
      stack.thaw('kafka')
    }
    const begun = performance.now()
    await untilQuiet(stack, shop, 300_000)
    console.log(`${rows} rows drained in ${Math.round(performance.now() - begun)} ms`)
    assert.equal((await shop.topicIds()).count, before + rows)
    for (const n of [0, rows >> 1, rows - 1]) assert.equal((await shop.details(`waiting-${n}`)).status, 200)
    assert.deepEqual((await shop.toOrder('/ops/parked')).json().items, [])
  })
})
