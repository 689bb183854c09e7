// Batches that cannot be read: they cost no more than themselves, and everything else is applied.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { until } from '@inorder/testing/until.ts'
import type { Pool } from 'pg'
import { Registry } from 'prom-client'
import { partitionOf } from '../kafka/partitioner.ts'
import { framed } from './model-topic.fixture.ts'
import { admin, caughtUp, event, kafka, makeAgain, service, versions } from './running-inbox.fixture.ts'

const MiB = 1024 * 1024

test('60 MB of zeros in a zstd batch are parked by reference; what stands around them is applied, memory stays small', async () => {
  const { topic, pool, start, stop, sendEvents } = await service()
  const keys = Array.from({ length: 200 }, (_, n) => `o-${n}`).filter((id) => partitionOf(Buffer.from(id), 3) === 0)
  await sendEvents(keys, [1])
  const zeros = fileURLToPath(new URL('zeros.fixture.ts', import.meta.url))
  await promisify(execFile)(process.execPath, [zeros, kafka.bootstrapBrokers[0]!, topic.name, '4'])
  await sendEvents(keys, [2])

  let inbox = await start()
  let most = 0
  const watching = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss)
  }, 20)
  await until('all is applied', async () => (await versions(pool)).get(2) === keys.length)
  await caughtUp(inbox)
  clearInterval(watching)
  assert.ok(most < 400 * MiB, `${Math.round(most / MiB)} MiB resident`)

  const parked = (await inbox.ops.list({ limit: 100 })).items
  assert.deepEqual([...new Set(parked.map(({ cause }) => cause))], ['batch-unreadable'])
  const offsets = parked.map(({ key }) => Number(key.split(':')[2]) - keys.length).sort((a, b) => a - b)
  assert.deepEqual(offsets, [0, 1, 4, 5, 8, 9, 12, 13])

  // Read again from the start: each is known by its place.
  await stop(inbox)
  await pool.query('UPDATE inbox_position SET next_offset = 0')
  inbox = await start()
  await caughtUp(inbox)
  assert.equal((await inbox.ops.list({ limit: 100 })).items.length, 8)
})

/** Nothing can be saved, which is not the data's fault: each batch is tried again and again. */
const refuseAll = (pool: Pool) => pool.query('ALTER TABLE model_key RENAME TO model_key_away')
const takeAll = (pool: Pool) => pool.query('ALTER TABLE model_key_away RENAME TO model_key')
const key = Array.from({ length: 50 }, (_, n) => `k-${n}`).find((id) => partitionOf(Buffer.from(id), 3) === 0)!
const one = (version: number) => ({ key, value: framed(event(key, version)) })

async function retried(metrics: Registry): Promise<void> {
  const value = async () => (await metrics.getSingleMetric('inorder_inbox_retries_total')?.get())?.values[0]?.value ?? 0
  await until('the batch is tried again', async () => (await value()) > 1)
}

test('rule 19: a batch that is tried again stops where its records are gone, and the operator can accept that', async () => {
  const { topic, pool, start, send } = await service()
  await refuseAll(pool)
  const metrics = new Registry()
  const inbox = await start({ metrics })
  await inbox.ready
  for (const version of [1, 2]) await send([one(version)])
  await retried(metrics)
  await admin.deleteRecords({ topics: [{ name: topic.name, partitions: [{ partition: 0, offset: 1n }] }] })
  await until('it stands still', () => inbox.missing().includes(`records of ${topic.name}/0`))
  assert.deepEqual(await inbox.ops.acceptLoss(0, 'ann'), { partition: 0, from: 0, to: 1 })
  await takeAll(pool)
  await until('what is left has been read', async () => (await inbox.positions())[0]?.next === 2)
  assert.deepEqual(
    (await inbox.ops.of(key))?.events.map(({ version, state }) => [version, state]),
    [[2, 'waiting']],
  )
})

test('rule 19: a batch that is tried again is given up where the topic was made again under it', async () => {
  const { topic, pool, start, send } = await service()
  await refuseAll(pool)
  const metrics = new Registry()
  const inbox = await start({ metrics })
  await inbox.ready
  for (const version of [1, 2]) await send([one(version)])
  await retried(metrics)
  const before = (await pool.query('SELECT DISTINCT topic_id FROM inbox_position')).rows
  await makeAgain(topic.name)
  await until('positions of the new one', async () => {
    const { rows } = await pool.query('SELECT DISTINCT topic_id FROM inbox_position')
    return rows.length > before.length
  })
  await takeAll(pool)
  await send([one(1)])
  await until('the new one is read', async () => (await inbox.positions())[0]?.next === 1)
  const { rows } = await pool.query('SELECT events FROM model_key')
  assert.deepEqual(rows, [{ events: [`${key}-v1`] }])
})
