// Rule 23: more partitions while orders are taken, by a command that may be killed.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { before, suite, test } from 'node:test'
import { cleanEnvironment, type Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { untilQuiet } from './arrival.ts'
import { send } from './http.ts'
import { Load } from './load.ts'
import { sharedStack } from './shared-stack.ts'
import { Shop, versionOf } from './shop.ts'
import { sql } from './sql.ts'
import { root } from './starter.ts'
import { eventsByOrder, readTopic } from './topic.ts'

suite('raised partitions', () => {
  let stack: Stack
  let shop: Shop
  before(async () => {
    stack = await sharedStack()
    shop = new Shop(stack)
  })

  function raise(count: number): { child: ChildProcess; output: () => string } {
    const env = { ...cleanEnvironment(), INORDER_DATA: stack.data }
    const child = spawn(process.execPath, ['stack/src/raise-partitions.ts', String(count)], { cwd: root, env })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (piece) => (said += piece))
    return { child, output: () => said }
  }

  test('rule 23: killed half-way it leaves publishing paused, orders are taken; run again it completes, nothing overtakes', async () => {
    const load = new Load(shop, 'raised')
    await load.more(300)
    // What it has not read keeps the command waiting.
    stack.freeze('order')
    const first = raise(12)
    await until('it waits for the order service', () => /waiting for .*order \(/.test(first.output()))
    first.child.kill('SIGKILL')
    await once(first.child, 'exit')
    stack.thaw('order')
    await load.more(200)
    assert.equal((await shop.create('meanwhile')).status, 202)

    const second = raise(12)
    const [code] = await once(second.child, 'exit')
    assert.equal(code, 0, second.output())
    await until('201 again', async () => (await shop.create(`after-${performance.now()}`)).status === 201)
    await load.more(300)
    await load.end()
    assert.deepEqual(load.unexpected, [])
    await untilQuiet(stack, shop)

    const used = new Set((await readTopic(stack.address('kafka'), 'order-events')).map(({ partition }) => partition))
    assert.ok(
      [...used].some((partition) => partition >= 6),
      'the new partitions are used',
    )
    const log = await eventsByOrder(stack.address('kafka'), stack.address('registry'))
    for (const [orderId, statuses] of load.changed) {
      if (statuses.length === 0) continue
      const versions = log.get(orderId)?.map(({ version }) => version) ?? []
      assert.deepEqual(
        [...versions].sort(),
        statuses.map((_, n) => n + 1),
        `the log of ${orderId}`,
      )
      assert.equal(versionOf(await shop.details(orderId)), statuses.length, orderId)
    }
    assert.deepEqual((await shop.toOrder('/ops/parked')).json().items, [])
    const { text } = await send(`${stack.url('order')}/metrics`)
    assert.match(text, /^inorder_inbox_healed_total 0$/m, 'no event came before the one it follows')
    const [row] = await sql(stack.databaseUrl('cart'), `SELECT partitions, relay FROM outbox_topic`)
    assert.deepEqual(row, { partitions: 12, relay: 'runs' })

    const third = raise(12)
    assert.deepEqual(await once(third.child, 'exit'), [0, null])
    const fewer = raise(3)
    assert.deepEqual(await once(fewer.child, 'exit'), [1, null])
    assert.match(fewer.output(), /12 partitions/)
  })
})
