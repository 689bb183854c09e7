// Records over the bound, in a real log.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { until } from '@inorder/testing/until.ts'
import { CompressionAlgorithms } from '@platformatic/kafka'
import { partitionOf } from '../kafka/partitioner.ts'
import { framed } from './model-topic.fixture.ts'
import { parkedEvents } from './parked-listing.ts'
import { caughtUp, event, producer, service } from './running-inbox.fixture.ts'

const ann = { operator: 'ann', dryRun: false }

/** Each key: version 1, a version 2 of 1.3 MB that compresses well, version 3. */
async function withLarge(keys: readonly string[]) {
  const it = await service()
  await it.sendEvents(keys, [1])
  for (const key of keys) {
    const large = { ...event(key, 2), padding: 'x'.repeat(1_300_000) }
    await producer.send({
      messages: [{ topic: it.topic.name, key: Buffer.from(key), value: framed(large) }],
      compression: CompressionAlgorithms.GZIP,
    })
  }
  await it.sendEvents(keys, [3])
  const inbox = await it.start()
  const parked = (key: string) =>
    until(`${key} is parked`, async () => {
      const events = await parkedEvents(it.pool, key)
      return events.length === 2 && events
    })
  return { ...it, inbox, parked }
}

test('rule 18: a record over the bound is parked by reference, and a redrive reads it from the log', async () => {
  const { inbox, pool, parked, applied } = await withLarge(['o-1'])
  const [head] = await parked('o-1')
  assert.deepEqual([head?.state, head?.cause], ['head', 'too-large'])
  const kept = await pool.query('SELECT record_value, reference FROM parked WHERE reference IS NOT NULL')
  assert.deepEqual([kept.rowCount, kept.rows[0].record_value], [1, null])
  const copy = await pool.query('SELECT value FROM outbox')
  assert.equal(JSON.parse(copy.rows[0].value).sha256, kept.rows[0].reference.sha256)

  const tried = await inbox.ops.redrive('o-1', { ...ann, dryRun: true })
  assert.ok('events' in tried)
  assert.deepEqual(
    tried.events?.map(({ becomes }) => becomes),
    ['applied', 'applied'],
  )
  assert.deepEqual(await inbox.ops.redrive('o-1', ann), { key: 'o-1', applied: 2, remaining: 0 })
  assert.deepEqual(
    applied.map(({ version }) => version),
    [1, 2, 3],
  )
})

test('rule 18: a reference whose bytes are gone, or are others, can only be discarded', async () => {
  const { inbox, pool, parked } = await withLarge(['o-1', 'o-2'])
  for (const key of ['o-1', 'o-2']) await parked(key)
  const other = `jsonb_set(reference::jsonb, '{sha256}', '"00"')::json`
  await pool.query(`UPDATE parked SET reference = ${other} WHERE key = 'o-1' AND reference IS NOT NULL`)
  await pool.query(`UPDATE parked SET record_offset = 900 WHERE key = 'o-2' AND reference IS NOT NULL`)
  for (const key of ['o-1', 'o-2']) {
    for (const dryRun of [true, false]) {
      const answer = await inbox.ops.redrive(key, { ...ann, dryRun })
      assert.equal('refused' in answer && answer.refused, 'record-gone')
    }
    const [head] = await parkedEvents(pool, key)
    const discard = { operator: 'ann', event: head!.event, reason: 'gone', skipVersion: true }
    assert.deepEqual(await inbox.ops.discard(key, discard), { key, applied: 1, remaining: 0 })
  }
})

test('rule 16: a key of 200 KB is parked under its place; over the bound by reference; what stands behind it is applied', async () => {
  const { topic, pool, start, sendEvents, applied } = await service()
  // Nothing that PostgreSQL could compress: its indexes take 2,704 bytes of a key.
  const long = randomBytes(150_000).toString('base64')
  const key = 'o-1'
  // Named, because the client's own partitioner takes seconds for such a key.
  const partition = partitionOf(Buffer.from(key), 3)
  const sendLong = (value: Buffer) =>
    producer.send({
      messages: [{ topic: topic.name, partition, key: Buffer.from(long), value }],
      compression: CompressionAlgorithms.GZIP,
    })
  await sendEvents([key], [1])
  await sendLong(framed(event(long, 1)))
  await sendLong(Buffer.alloc(1_300_000))
  await sendEvents([key], [2])
  const inbox = await start()
  await until('what stands behind is applied', () => applied.length === 2)
  await caughtUp(inbox)
  assert.deepEqual(
    applied.map(({ id }) => id),
    [`${key}-v1`, `${key}-v2`],
  )
  const { rows } = await pool.query(
    `SELECT key, cause, octet_length(record_key) AS "keyBytes", record_value IS NULL AS "byReference"
     FROM parked ORDER BY record_offset`,
  )
  const place = `@${topic.name}:${partition}`
  assert.deepEqual(rows, [
    { key: `${place}:1`, cause: 'no-key', keyBytes: 200_000, byReference: false },
    { key: `${place}:2`, cause: 'too-large', keyBytes: null, byReference: true },
  ])
  const copies = await pool.query('SELECT octet_length(key) AS bytes FROM outbox ORDER BY id')
  assert.deepEqual(
    copies.rows.map(({ bytes }) => bytes),
    [200_000, null],
  )
})
