// A snapshot that somebody holds (pg_dump, a long query) keeps all rows that were deleted since. `OUTBOX_PUBLISHED=5000000
// npm test -- held-snapshot` runs it at that size, and then measures too.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freshDatabase } from '@inorder/testing/parts.ts'
import pg from 'pg'
import type { Lane } from './lane-table.ts'
import { lanesByHand } from './lanes-by-hand.fixture.ts'
import { type OutboxRig, outboxRig } from './rig.fixture.ts'

const published = Number(process.env.OUTBOX_PUBLISHED ?? 100_000)
const measures = process.env.OUTBOX_PUBLISHED !== undefined
const atOnce = 50_000
const partitions = 6

/** Rows of about the size of a usual event that were added, and deleted once Kafka had them. */
async function publishedBefore({ url, topic }: OutboxRig): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('SET synchronous_commit = off')
  for (let from = 0; from < published; from += atOnce) {
    const series = [from, Math.min(from + atOnce, published) - 1]
    await client.query(
      `INSERT INTO outbox (event_id, topic, partition, key_hash, key, value, headers, bytes, origin)
       SELECT md5(n::text)::uuid, $1, n % $4, n % $4, 'k', convert_to(repeat('x', 500), 'UTF8'), '{}', 501, 'nobody'
       FROM generate_series($2::int, $3::int) AS n`,
      [topic, ...series, partitions],
    )
    await client.query(
      'SELECT outbox_delete(ARRAY(SELECT md5(n::text)::uuid FROM generate_series($1::int, $2::int) AS n))',
      series,
    )
  }
  await client.end()
}

/** How many blocks one read of all lanes touches. */
async function blocksRead({ url }: OutboxRig, lanes: readonly Pick<Lane, 'topic' | 'partition' | 'floor'>[]) {
  const session = new pg.Client({ connectionString: url })
  await session.connect()
  const each = (what: string) => `array_fill(${what}, ARRAY[${lanes.length}])`
  const text = `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)
    SELECT * FROM outbox_read($1, $2, $3, $3, ${each(`'{}'::text`)}, ${each('524288')}, ${each(`'{}'::text`)}, 500)`
  const values = [
    lanes.map(({ topic }) => topic),
    lanes.map(({ partition }) => partition),
    lanes.map(({ floor }) => floor),
  ]
  // A session's first read compiles the function, and reads catalogs for it.
  await session.query(text, values)
  const { rows } = await session.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(text, values)
  await session.end()
  const { Plan } = rows[0]!['QUERY PLAN'][0]
  return Plan['Shared Hit Blocks']! + Plan['Shared Read Blocks']!
}

/** Median times (ms) from a commit to Kafka's acknowledgement, one event after the other, in each outbox in turn. */
async function publishTimes(rigs: readonly OutboxRig[]): Promise<number[]> {
  const publishers = await Promise.all(
    rigs.map(async (rig) => {
      const relay = await rig.relay('held')
      await relay.contact
      return { rig, relay, times: [] as number[] }
    }),
  )
  for (let n = 0; n < 300; n++)
    for (const { rig, relay, times } of publishers) {
      const record = rig.record({ key: Buffer.from(`k-${n}`), origin: 'held' })
      const waiter = relay.delivery.expect(record.eventId)
      const began = performance.now()
      await rig.add([record])
      relay.wake()
      assert.equal(await waiter.within(60_000), 'delivered')
      times.push(performance.now() - began)
    }
  for (const { rig, relay } of publishers) await rig.stop(relay)
  return publishers.map(({ times }) => times.slice(100).sort((a, b) => a - b)[100]!)
}

for (const holder of ['a read-only snapshot', 'a writing transaction of another database'])
  test(`${holder} that is held while ${published} events are published slows no read of the lanes`, {
    timeout: measures ? 3_600_000 : 120_000,
  }, async () => {
    const rig = await outboxRig({ partitions })
    const other = await freshDatabase('other')
    const writes = holder.includes('writing')
    const session = new pg.Client({ connectionString: writes ? other.url : rig.url })
    try {
      await session.connect()
      await session.query(writes ? 'BEGIN' : 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
      await session.query(writes ? 'CREATE TABLE some_table ()' : 'SELECT count(*) FROM outbox')
      await publishedBefore(rig)

      const { lanes, passAll } = await lanesByHand(rig, partitions)
      const fromTheStart = await blocksRead(rig, lanes)
      await passAll()
      const fromFloors = await blocksRead(rig, lanes)
      assert.ok(fromTheStart > published / 20, `${fromTheStart} blocks: there is something to step over`)
      assert.ok(fromFloors < 200, `${fromFloors} blocks`)
      if (!measures) return

      const fresh = await outboxRig({ partitions })
      const [here = 0, there = 0] = await publishTimes([rig, fresh]).finally(() => fresh.close())
      console.log(
        `${holder}, ${published} published: ${here.toFixed(1)} ms an event, in a fresh outbox ${there.toFixed(1)} ms; ` +
          `${fromTheStart} blocks a read without floors, ${fromFloors} with`,
      )
      assert.ok(here < 1.5 * there, `${here} ms an event, in a fresh outbox ${there}`)
    } finally {
      await session.end()
      await rig.close()
      await other.drop()
    }
  })
