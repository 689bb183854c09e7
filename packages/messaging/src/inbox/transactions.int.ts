// Other people's transactions in the topic: what was aborted is not there, and what is open holds up as little as it can.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import { Producer } from '@platformatic/kafka'
import { pino } from 'pino'
import { framed } from './model-topic.fixture.ts'
import { caughtUp, cleanups, event, kafka, service } from './running-inbox.fixture.ts'

type Writer = Awaited<ReturnType<typeof service>>

/** A producer of somebody else, who writes versions of a key in transactions; `pad` makes an event that large. */
function foreigner({ topic }: Writer) {
  // The client's `timeout` is that of its transactions too: the broker aborts what is open for longer, 5 s by default.
  const producer = new Producer({ ...kafka, idempotent: true, transactionalId: unique('tx'), timeout: 120_000 })
  cleanups.push(() => producer.close(true))
  return async (key: string, versions: readonly number[], end: 'commit' | 'abort' | undefined, pad = 0) => {
    const transaction = await producer.beginTransaction()
    for (const version of versions) {
      const value = framed(Object.assign(event(key, version), { pad: 'x'.repeat(pad) }))
      await transaction.send({ messages: [{ topic: topic.name, key: Buffer.from(key), value }] })
    }
    if (end) await transaction[end]()
    return transaction
  }
}

const stored = async ({ pool }: Writer) =>
  Object.fromEntries(
    (await pool.query('SELECT key, events FROM model_key ORDER BY 1')).rows.map((row) => [row.key, row.events]),
  )

test('aborted records are not applied: several transactions of one producer in one fetch', async () => {
  const writer = await service()
  const write = foreigner(writer)
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  for (const name of names) await write(name, [1], 'abort')
  await write('kept', [1], 'commit')
  for (const name of names) await write(name, [1, 2], 'abort')
  await writer.sendEvents(['own'], [1])
  const inbox = await writer.start()
  await caughtUp(inbox)
  assert.deepEqual(await stored(writer), { kept: ['kept-v1'], own: ['own-v1'] })
})

test('aborted records are not applied: a transaction larger than a fetch, the marker in a later one', async () => {
  const writer = await service()
  const inbox = await writer.start()
  await inbox.ready
  const large = 40_000
  const versions = Array.from({ length: 60 }, (_, n) => n + 1)
  const write = foreigner(writer)
  await write('gone', versions, 'abort', large)
  // Nothing stands behind it: the position has to come to the log's end all the same.
  await caughtUp(inbox)
  assert.deepEqual(await stored(writer), {})
  await write('gone', versions, 'abort', large)
  await write('gone', [1, 2], 'commit', large)
  await writer.sendEvents(['gone'], [3])
  await caughtUp(inbox)
  assert.deepEqual(await stored(writer), { gone: ['gone-v1', 'gone-v2', 'gone-v3'] })
  assert.deepEqual((await inbox.ops.list({ limit: 10 })).items, [])
})

test('an open transaction is waited for: lag counts what it holds up, and it is an alarm with its age', async () => {
  const writer = await service()
  const lines: Record<string, unknown>[] = []
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) })
  const inbox = await writer.start({ logger })
  await writer.sendEvents(['o'], [1])
  await caughtUp(inbox)
  const open = await foreigner(writer)('x', [1], undefined)
  const place = (await inbox.positions()).find(({ lag }) => lag! > 0)
  assert.ok(place)
  await writer.sendEvents(['o'], [2])
  const told = () => lines.filter(({ alarm }) => alarm === 'inbox-open-transaction')
  await until('it is an alarm', () => told().length > 0)
  assert.equal(told()[0]?.partition, place.partition)
  assert.equal(told()[0]?.offset, place.next)
  assert.ok((told()[0]?.seconds as number) >= 10)
  await open.abort()
  await caughtUp(inbox)
  assert.deepEqual(await stored(writer), { o: ['o-v1', 'o-v2'] })
})
