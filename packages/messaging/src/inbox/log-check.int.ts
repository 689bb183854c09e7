// Rule 19: the log is not what the positions say it is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Fate, kafkaProxy, listOffsetsCall, metadataCall } from '@inorder/testing/kafka-proxy.ts'
import { brokers } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { framed, modelRegistry } from './model-topic.fixture.ts'
import {
  admin,
  assertComplete,
  caughtUp,
  cleanups,
  event,
  makeAgain,
  service,
  someKeys,
  type TestInbox,
  versions,
} from './running-inbox.fixture.ts'

const loss = (answer: Awaited<ReturnType<TestInbox['ops']['acceptLoss']>>) =>
  'refused' in answer ? answer.refused : answer

/** A logger, and those of the lines given to it that are looked for. */
function logged(isMeant: (line: Record<string, unknown>) => boolean) {
  const lines: Record<string, unknown>[] = []
  const write = (text: string) => {
    const line = JSON.parse(text)
    if (isMeant(line)) lines.push(line)
  }
  return { lines, logger: pino({}, { write }) }
}
const alarmed = (name: string) => {
  const { lines: alarms, logger } = logged(({ alarm }) => alarm === name)
  return { alarms, logger }
}

test('rule 19: a topic that is deleted and made again is read from its start, by the inbox that runs, with one alarm', async () => {
  const { topic, pool, start, sendEvents, untilVersion } = await service()
  const { alarms, logger } = alarmed('inbox-topic-replaced')
  const keys = someKeys(100)
  const inbox = await start({ logger })
  await sendEvents(keys, [1, 2])
  await untilVersion(keys, 2)
  assert.deepEqual(alarms, [], 'a topic that is new is no alarm')
  await makeAgain(topic.name)
  await sendEvents(keys, [3])
  await untilVersion(keys, 3)
  await assertComplete(pool, keys, 3)
  await caughtUp(inbox)
  const { rows } = await pool.query('SELECT DISTINCT topic_id FROM inbox_position')
  assert.equal(rows.length, 2)
  const ids = rows.map(({ topic_id }) => topic_id).sort()
  assert.deepEqual(
    alarms.map(({ topicId, now }) => [topicId, now].sort()),
    [ids],
  )
})

test('rule 19: a topic that was made again while the service was stopped is an alarm too', async () => {
  const { topic, start, stop, sendEvents, untilVersion } = await service()
  const keys = someKeys(20)
  const before = await start()
  await sendEvents(keys, [1])
  await untilVersion(keys, 1)
  await stop(before)
  await makeAgain(topic.name)
  for (const expected of [1, 0]) {
    const { alarms, logger } = alarmed('inbox-topic-replaced')
    const again = await start({ logger })
    await again.ready
    assert.equal(alarms.length, expected)
    await stop(again)
  }
})

test('rule 19: while the topic is made again under it, an inbox does not say that it is up to date', async () => {
  const { topic, pool, start, sendEvents, untilVersion } = await service()
  const keys = someKeys(100)
  const inbox = await start()
  await sendEvents(keys, [1, 2])
  await untilVersion(keys, 2)
  await caughtUp(inbox)
  await makeAgain(topic.name)
  await sendEvents(keys, [3])
  await until('all is applied', async () => {
    const positions = await inbox.positions()
    const count = (await versions(pool)).get(3) ?? 0
    const saysSo = positions.length > 0 && positions.every(({ lag }) => lag === 0)
    assert.ok(!saysSo || count === keys.length, `up to date with ${count} of ${keys.length}`)
    return count === keys.length
  })
  await caughtUp(inbox)
})

test('rule 19: an end of the log that is below the position is unknown: neither end nor lag is told', async () => {
  const { pool, start, sendEvents, untilVersion } = await service()
  const keys = someKeys(100)
  const inbox = await start()
  await sendEvents(keys, [1])
  await untilVersion(keys, 1)
  await caughtUp(inbox)
  // The inbox itself looks at the log every few seconds only.
  await pool.query('UPDATE inbox_position SET next_offset = next_offset + 1000')
  const shown = await inbox.positions()
  assert.deepEqual(
    shown.map(({ end, lag }) => [end, lag]),
    shown.map(() => [null, null]),
  )
})

test('rule 19: a log that ends below the positions is read again from its start, and what comes is not skipped', async () => {
  const { pool, start, stop, sendEvents, untilVersion } = await service()
  const keys = someKeys(100)
  const before = await start()
  await sendEvents(keys, [1, 2])
  await untilVersion(keys, 2)
  const running = 'UPDATE inbox_position SET next_offset = next_offset + 1000'
  for (const version of [3, 5]) {
    // Where it runs, and where it starts.
    if (version === 5) await stop(before)
    await pool.query(running)
    if (version === 5) await start()
    await sendEvents(keys, [version, version + 1])
    await untilVersion(keys, version + 1)
  }
  await assertComplete(pool, keys, 6)
})

test('rule 19: records that are gone stop their partition, not the others, until the loss is accepted', async () => {
  const { topic, pool, start, stop, sendEvents, applied } = await service()
  const keys = someKeys(100)
  const first = await start()
  await sendEvents(keys, [1])
  await until('all', () => applied.length === 100)
  await caughtUp(first)
  const [gone] = await first.positions()
  await stop(first)
  await sendEvents(keys, [2, 3])
  const ends = await admin.listOffsets({
    topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, timestamp: -1n }] }],
  })
  const end = ends[0]!.partitions[0]!.offset
  const kept = end - 5n
  await admin.deleteRecords({ topics: [{ name: topic.name, partitions: [{ partition: 0, offset: kept }] }] })

  const metrics = new Registry()
  const inbox = await start({ metrics })
  await inbox.ready
  assert.deepEqual(inbox.missing(), [`records of ${topic.name}/0`])
  assert.equal((await metrics.getSingleMetric('inorder_inbox_stopped_partitions')?.get())?.values[0]?.value, 1)
  await until('the others are read', async () => {
    const positions = await inbox.positions()
    return positions.slice(1).every(({ lag }) => lag === 0)
  })
  const next = async () => (await inbox.positions())[0]?.next
  assert.equal(await next(), gone?.next)
  assert.equal(loss(await inbox.ops.acceptLoss(1, 'ann')), 'nothing-lost')

  assert.deepEqual(loss(await inbox.ops.acceptLoss(0, 'ann')), { partition: 0, from: gone?.next, to: Number(kept) })
  assert.equal(loss(await inbox.ops.acceptLoss(0, 'ann')), 'nothing-lost')
  await caughtUp(inbox)
  assert.deepEqual(inbox.missing(), [])
  const { items } = await inbox.ops.audit({ limit: 10 })
  assert.deepEqual(
    items.map(({ operator, action, before, after }) => [operator, action, before, after]),
    [['ann', 'accept-loss', { next: gone?.next }, { next: Number(kept) }]],
  )
  const { rows } = await pool.query('SELECT count(*)::int AS parked FROM parked')
  assert.ok(rows[0].parked > 0, 'what follows the loss waits for what is missing')
})

test('rule 19: records that go before the client has fetched them are not taken for markers of transactions', async () => {
  const { topic, start, send } = await service()
  const gone = Promise.withResolvers<void>()
  const registry = {
    schemaOf: async (id: number) => {
      await gone.promise
      return modelRegistry.schemaOf(id)
    },
  }
  const inbox = await start({ registry })
  await inbox.ready
  // More than it holds in memory while it cannot decode.
  const pad = 'x'.repeat(10_000)
  const keys = someKeys(1_500)
  for (let n = 0; n < keys.length; n += 100) {
    const some = keys.slice(n, n + 100)
    await send(some.map((key) => ({ key, value: framed(Object.assign(event(key, 1), { pad })) })))
  }
  await admin.deleteRecords({ topics: [{ name: topic.name, partitions: [{ partition: 0, offset: -1n }] }] })
  gone.resolve()
  await until('partition 0 stands still', () => inbox.missing()[0] === `records of ${topic.name}/0`)
  const [stopped] = await inbox.positions()
  assert.ok(stopped!.next < stopped!.end!, `at ${stopped?.next} of ${stopped?.end}`)
})

test('rule 19: records that are read while the log is asked where it ends are not past its end', async () => {
  const { start, sendEvents, untilVersion } = await service()
  const proxy = await kafkaProxy(brokers())
  cleanups.push(() => proxy.close())
  const { lines: gaps, logger } = logged(({ err }) => (err as Error & { type: string })?.type === 'OffsetGap')
  const keys = someKeys(100)
  const inbox = await start({ brokers: [proxy.address], logger })
  await sendEvents(keys, [1])
  await untilVersion(keys, 1)
  await caughtUp(inbox)

  const asked = Promise.withResolvers<void>()
  const read = Promise.withResolvers<void>()
  let comparisons = 0
  proxy.fate = async ({ call, bytes }): Promise<Fate> => {
    // Of the two questions the one for the ends, -1.
    if (call === listOffsetsCall && bytes.includes(Buffer.alloc(8, 0xff))) comparisons++
    // What follows the answer.
    if (call === metadataCall && comparisons === 1) {
      asked.resolve()
      await read.promise
    }
    return 'through'
  }
  await asked.promise
  await sendEvents(keys, [2])
  await untilVersion(keys, 2)
  read.resolve()
  await until('the log is compared once more', () => comparisons > 1)
  assert.deepEqual(gaps, [])
})

test('a service that comes to a log without its beginning starts where the log does', async () => {
  const { topic, start, sendEvents, applied } = await service()
  const keys = someKeys(100)
  await sendEvents(keys, [1])
  const topics = [{ name: topic.name, partitions: [0, 1, 2].map((partition) => ({ partition, offset: -1n })) }]
  await admin.deleteRecords({ topics })
  const inbox = await start()
  await sendEvents(someKeys(200).slice(100), [1])
  await until('what is there is applied', () => applied.length === 100)
  await caughtUp(inbox)
  assert.deepEqual(inbox.missing(), [])
})
