// Records that nobody can apply, put straight into the topic: they hold up their own order, listed, and no other.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, suite, test } from 'node:test'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { assertProblem } from './http.ts'
import { sharedStack } from './shared-stack.ts'
import { type ParkedKey, Shop, versionOf } from './shop.ts'
import { sql } from './sql.ts'
import { changedEvent, produce, readTopic, type TopicRecord } from './topic.ts'

suite('poison', () => {
  let stack: Stack
  let shop: Shop
  before(async () => {
    stack = await sharedStack()
    shop = new Shop(stack)
  })

  const put = (record: { key?: Buffer; value?: Buffer; headers?: Record<string, string> }) =>
    produce(stack.address('kafka'), 'order-events', [record])
  const topic = (name = 'order-events') => readTopic(stack.address('kafka'), name)
  const createdRecord = async (orderId: string) => {
    assert.equal((await shop.create(orderId)).status, 201)
    assert.equal((await shop.details(orderId, { minVersion: 1 })).status, 200)
    const record = (await topic()).find(({ key }) => key?.toString() === orderId)
    assert.ok(record?.value)
    return { ...record, value: record.value }
  }
  const parkedOf = (orderId: string, events: number) =>
    until(`${events} records of ${orderId} are parked`, async () => {
      const answer = await shop.parked(orderId)
      const parked = answer.status === 200 && answer.json<ParkedKey>()
      return parked && parked.events.length === events && parked
    })
  type Listed = { key: string; cause: string; count: number; since: string; event: string }
  const listed = async (cause?: string) => {
    const answer = await shop.toOrder(`/ops/parked${cause ? `?cause=${cause}` : ''}`)
    return answer.json<{ items: Listed[] }>().items
  }

  /** A head is parked in `order`, copied once, and the copy has its bytes and headers and says who, why, where from. */
  const assertCopied = async (head: ParkedKey['events'][number], source: Pick<TopicRecord, 'key' | 'value'>) => {
    const from = (record: TopicRecord) => [...record.headers.values()].map(String).includes(head.event)
    const copies = await until(`a copy of ${head.event}`, async () => {
      const found = (await topic('order-events.parked')).filter(from)
      return found.length > 0 && found
    })
    assert.equal(copies.length, 1)
    const [copy] = copies
    assert.deepEqual(copy?.key, source.key)
    assert.deepEqual(copy?.value, source.value)
    const headers = [...(copy?.headers.values() ?? [])].map(String)
    for (const told of ['order', head.cause, 'kept as it came'])
      assert.ok(headers.includes(told), `${told}: ${headers}`)
  }

  const kinds: [what: string, cause: string, value: (applied: Buffer) => Buffer | undefined][] = [
    ['garbage', 'undecodable', () => Buffer.from('no event at all\u0000\u0001')],
    ['truncated Avro', 'undecodable', (applied) => applied.subarray(0, applied.length - 7)],
    ['an unknown schema', 'unknown-schema', () => Buffer.from([0, 0, 15, 66, 63, 1, 2, 3])],
    ['a tombstone', 'tombstone', () => undefined],
    ['an empty value', 'undecodable', () => Buffer.alloc(0)],
  ]
  for (const [what, cause, poison] of kinds) {
    test(`${what} holds up its order, and only that`, async () => {
      const orderId = `order with ${what}`
      const { value: applied, partition } = await createdRecord(orderId)
      const value = poison(applied)
      await put({ key: Buffer.from(orderId), ...(value && { value }), headers: { 'x-from': 'kept as it came' } })
      await parkedOf(orderId, 1)
      assert.equal((await shop.update(orderId, 'paid')).status, 200, 'the cart knows nothing of it')
      assert.equal((await shop.update(orderId, 'sent')).status, 200)

      const parked = await parkedOf(orderId, 3)
      assert.equal(parked.appliedVersion, 1)
      const [head] = parked.events
      assert.ok(head)
      assert.deepEqual([head.state, head.cause, head.version], ['head', cause, null])
      assert.ok(head.detail)
      assert.match(head.event, new RegExp(`^[\\w-]+/${partition}/\\d+$`))
      assert.deepEqual(
        parked.events.slice(1).map(({ state, version }) => [state, version]),
        [
          ['behind', 2],
          ['behind', 3],
        ],
      )
      const items = (await listed(cause)).filter((item) => item.key === orderId)
      assert.deepEqual(
        items.map(({ count, event }) => [count, event]),
        [[3, head.event]],
      )
      assert.equal((await listed('no-such-cause')).length, 0)

      assert.equal(versionOf(await shop.details(orderId)), 1)
      assertProblem(await shop.details(orderId, { minVersion: 2, wait: 0 }), 503, 'order-held')
      await assertOthersGoOn(`beside ${what}`, partition)
      await assertCopied(head, { key: Buffer.from(orderId), value: value ?? null })
    })
  }

  /** New orders are applied within a second each, in the poison's partition too. */
  const assertOthersGoOn = async (prefix: string, partition: number) => {
    const others = Array.from({ length: 40 }, (_, n) => `${prefix} ${n}`)
    for (const other of others) {
      assert.equal((await shop.create(other)).status, 201)
      const details = await shop.details(other, { minVersion: 1, wait: 1 })
      assert.equal(details.status, 200, details.text)
    }
    const reached = (await topic()).filter(({ key }) => key && others.includes(key.toString())).map((r) => r.partition)
    assert.ok(reached.includes(partition))
  }

  test('a record that belongs to no order holds up none', async () => {
    const { value } = await createdRecord('its body')
    const keys: [key: Buffer | undefined, value: Buffer][] = [
      [undefined, value],
      [Buffer.from([0xc3, 0x28]), value],
      [Buffer.alloc(0), value],
      [Buffer.from('another key'), value],
    ]
    for (const [key, value] of keys) {
      await put({ ...(key && { key }), value, headers: { 'x-from': 'kept as it came' } })
      const record = (await topic())
        .filter((r) => r.headers.has('x-from'))
        .find((r) => sameKey(r.key, key) && r.value?.equals(value))
      assert.ok(record)
      const parked = await parkedOf(`@order-events:${record.partition}:${record.offset}`, 1)
      const [head] = parked.events
      assert.ok(head)
      assert.equal(head.state, 'head')
      await assertCopied(head, record)
    }
    assert.equal(versionOf(await shop.update('its body', 'paid')), 2)
    assert.equal((await shop.details('its body', { minVersion: 2 })).status, 200)
    assert.equal((await shop.create('another key')).status, 201)
    assert.equal((await shop.details('another key', { minVersion: 1 })).status, 200)
  })
  const sameKey = (a: Buffer | null, b: Buffer | undefined) => (a && b ? a.equals(b) : !a && !b)

  test('a gap waits for the missing version, then all of it is applied; a duplicate changes nothing', async () => {
    const { key, value } = await createdRecord('with a gap')
    assert.ok(key)
    const registry = stack.address('registry')
    const version = (n: number) => changedEvent(registry, value, { version: n, eventId: randomUUID() })
    const [second, third, fourth] = [await version(2), await version(3), await version(4)]
    await put({ key, value: fourth })
    await put({ key, value: third })
    const parked = await parkedOf('with a gap', 2)
    assert.deepEqual(
      new Set(parked.events.map(({ state, version }) => `${state} ${version}`)),
      new Set(['waiting 3', 'waiting 4']),
    )
    await put({ key, value: second })
    // Until then a read of version 4 says at once that the order is held.
    const read = () => shop.details('with a gap', { minVersion: 4 })
    assert.equal(
      versionOf(
        await until('the gap is closed', async () => {
          const answer = await read()
          return answer.status === 200 && answer
        }),
      ),
      4,
    )
    assertProblem(await shop.parked('with a gap'), 404, 'nothing-parked')

    await put({ key, value: third })
    await put({ key, value: await version(4) })
    const conflict = await parkedOf('with a gap', 1)
    assert.deepEqual(
      conflict.events.map(({ state, version }) => [state, version]),
      [['conflict', 4]],
    )
    await put({ key, value: await version(5) })
    assert.equal(versionOf(await shop.details('with a gap', { minVersion: 5 })), 5, 'a conflict does not block')
  })

  /** How many copies there are, once none is on its way any more. */
  const copied = async () => {
    const waiting = () => sql(stack.databaseUrl('order'), 'SELECT FROM outbox')
    await until('the outbox of the order service is empty', async () => (await waiting()).length === 0)
    return (await topic('order-events.parked')).length
  }

  test('what is parked stays so across a restart, and is not copied again', async () => {
    const before = await listed()
    const copies = await copied()
    assert.ok(before.length >= kinds.length)
    await stack.replaced('order')
    await until('the order service is ready', async () => (await shop.toOrder('/health/ready')).status === 200)
    await assertOthersGoOn('after the restart', 0)
    assert.deepEqual(await listed(), before)
    assert.equal(await copied(), copies)
  })
})
