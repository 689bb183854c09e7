import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { kafkaProxy, produceCall } from '@inorder/testing/kafka-proxy.ts'
import { brokers, unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import { DatabaseRun } from './database-run.ts'
import type { AddedRow } from './outbox.ts'
import { currentRun } from './recovery-store.ts'
import type { Relay } from './relay.ts'
import { type OutboxRig, outboxRig } from './rig.fixture.ts'

let rig: OutboxRig
before(async () => {
  rig = await outboxRig({ partitions: 3 })
})
after(() => rig.close())

/** The changes of one key, numbered, each as the next of the one before. */
function changesOf(key: string) {
  let n = 0
  let predecessor: string | null = null
  return {
    /** As a producer does: the waiter first, then the commit. */
    async commit(relay?: Relay): Promise<{ rows: AddedRow[]; delivered(): Promise<string> }> {
      const eventId = randomUUID()
      const waiter = relay?.delivery.expect(eventId)
      const value = Buffer.from(String(n++))
      const rows = await rig.add([rig.record({ eventId, key: Buffer.from(key), value, predecessor })])
      predecessor = eventId
      return { rows, delivered: async () => (await waiter?.within(10_000)) ?? 'nobody waits' }
    },
    async inLog(): Promise<number[]> {
      return (await rig.log()).filter((record) => record.key === key).map(({ value }) => Number(value.toString()))
    },
  }
}

const drained = () => until('the outbox is empty', async () => (await rig.waiting()) === 0)
/** One that has read its lanes, so that it remembers. */
async function leader(over = {}): Promise<Relay> {
  const relay = await rig.relay(unique('leads'), over)
  await relay.contact
  const { commit } = changesOf(unique('first'))
  await commit()
  relay.wake()
  await drained()
  return relay
}
const removed = (eventId: string) => rig.pool.query('DELETE FROM outbox WHERE event_id = $1', [eventId])

test('rule 24: what this process committed goes out without being read', async () => {
  const relay = await leader()
  const key = changesOf(unique('memory'))
  for (let n = 0; n < 3; n++) {
    const { rows, delivered } = await key.commit(relay)
    // Gone before it could be read.
    await removed(rows[0]!.eventId)
    relay.committed(rows)
    assert.equal(await delivered(), 'delivered')
  }
  assert.deepEqual(await key.inLog(), [0, 1, 2])
  await rig.stop(relay)
})

test('rule 24: behind a row of another instance, which nobody has told of, a change waits for the table', async () => {
  const relay = await leader()
  const key = changesOf(unique('two'))
  for (let n = 0; n < 5; n++) {
    const ours = await key.commit(relay)
    relay.committed(ours.rows)
    await key.commit()
    const next = await key.commit(relay)
    assert.ok(next.rows[0]!.after, 'its predecessor is in the table')
    relay.committed(next.rows)
    assert.equal(await next.delivered(), 'delivered')
  }
  await drained()
  assert.deepEqual(
    await key.inLog(),
    Array.from({ length: 15 }, (_, n) => n),
  )
  await rig.stop(relay)
})

test('rule 24: a commit whose answer comes late sends nothing once more', async () => {
  const relay = await leader()
  const key = changesOf(unique('late'))
  const first = await key.commit(relay)
  relay.wake()
  await drained()
  // Others may wait for it by now: what counts is that it was expected before.
  relay.delivery.join(first.rows[0]!.eventId)
  await key.commit(relay)
  relay.wake()
  await drained()
  relay.committed(first.rows)
  const last = await key.commit(relay)
  relay.committed(last.rows)
  assert.equal(await last.delivered(), 'delivered')
  assert.deepEqual(await key.inLog(), [0, 1, 2])
  await rig.stop(relay)
})

test('rule 24: what was expected under another leader goes out by way of the table', async () => {
  const first = await leader()
  const follower = await rig.relay(unique('follows'))
  const key = changesOf(unique('term'))
  const { rows, delivered } = await key.commit(follower)
  await rig.stop(first)
  await until('it leads and has read', async () => (await rig.waiting()) === 0)
  follower.committed(rows)
  await delivered()
  const next = await key.commit(follower)
  follower.committed(next.rows)
  assert.equal(await next.delivered(), 'delivered')
  assert.deepEqual(await key.inLog(), [0, 1])
  await rig.stop(follower)
})

test('rules 10 and 24: with answers that get lost, and rows of others between, first occurrences ascend', async () => {
  const proxy = await kafkaProxy(brokers().split(',')[0]!)
  const relay = await leader({ brokers: [proxy.address] })
  let sends = 0
  proxy.fate = ({ call }) => {
    if (call !== produceCall || sends++ % 5 !== 4) return 'through'
    return sends % 2 === 0 ? 'unanswered' : 'cut'
  }
  const keys = Array.from({ length: 6 }, (_, n) => changesOf(unique(`lossy-${n}`)))
  const changes = 40
  await Promise.all(
    keys.map(async ({ commit }, k) => {
      for (let n = 0; n < changes; n++) {
        // Two in three are this process's own; nobody waits for the acknowledgement before the next.
        const isOurs = (n + k) % 3 !== 0
        const { rows } = await commit(isOurs ? relay : undefined)
        if (isOurs) relay.committed(rows)
        else if (n % 2 === 0) relay.wake()
      }
    }),
  )
  proxy.fate = () => 'through'
  await drained()
  for (const { inLog } of keys)
    assert.deepEqual(
      [...new Set(await inLog())],
      Array.from({ length: changes }, (_, n) => n),
    )
  await rig.stop(relay)
  await proxy.close()
})

test('acknowledged rows are deleted together: 200 of them, one after the other, in a fifth as many statements at most', async () => {
  await rig.pool.query(`
    CREATE TABLE deletions (n serial);
    CREATE FUNCTION count_deletion() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO deletions DEFAULT VALUES; RETURN NULL; END $$;
    CREATE TRIGGER count_deletion AFTER DELETE ON outbox FOR EACH STATEMENT EXECUTE FUNCTION count_deletion()`)
  const relay = await leader()
  for (let n = 0; n < 20; n++) {
    const all = await Promise.all(Array.from({ length: 10 }, () => changesOf(unique('bulk')).commit(relay)))
    for (const { rows } of all) relay.committed(rows)
    for (const { delivered } of all) assert.equal(await delivered(), 'delivered')
  }
  await drained()
  const { rows } = await rig.pool.query<{ n: number }>('SELECT count(*)::int AS n FROM deletions')
  assert.ok(rows[0]!.n <= 40, `${rows[0]!.n} statements`)
  await rig.pool.query('DROP TRIGGER count_deletion ON outbox; DROP TABLE deletions')
  await rig.stop(relay)
})

test('rule 12: what waits in a database that comes while lanes are made is compared with the log first', async () => {
  await changesOf(unique('swapped')).commit()
  const { identity } = await currentRun(rig.pool)
  const run = new DatabaseRun()
  const waiting: number[] = []
  const log = {
    topicName: rig.topic,
    async catchUp() {
      waiting.push(await rig.waiting())
      // As a service's pool tells it with each session that it opens; the rig's does not.
      run.met(identity)
      run.compare(identity)
      if (waiting.length === 1) setImmediate(() => run.met('another database'))
    },
    async published() {},
  }
  const relay = await rig.relay(unique('swapped'), { run }, log)
  await drained()
  assert.deepEqual(waiting, [1, 1])
  await rig.stop(relay)
})

test('an outbox that has grown in an outage is small again once it is empty, and nobody waits for that', async () => {
  const size = async () => {
    const { rows } = await rig.pool.query<{ bytes: number }>(`SELECT pg_total_relation_size('outbox')::int AS bytes`)
    return rows[0]!.bytes
  }
  const shrink = async () => (await rig.pool.query('SELECT outbox_shrink(0) AS done')).rows[0].done
  const { commit } = changesOf(unique('one'))
  const [one] = (await commit()).rows
  assert.equal(await shrink(), false, 'a row is there')
  await removed(one!.eventId)
  const reader = await rig.pool.connect()
  await reader.query('BEGIN; SELECT FROM outbox')
  assert.equal(await shrink(), false, 'somebody uses it')
  await reader.query('ROLLBACK')
  reader.release()

  await rig.pool.query(
    `INSERT INTO outbox (event_id, topic, partition, key_hash, key, value, headers, bytes, origin)
     SELECT gen_random_uuid(), $1, n % 3, n % 3, 'k', convert_to(repeat('x', 1000), 'UTF8'), '{}', 1000, 'nobody'
     FROM generate_series(1, 40000) AS n`,
    [rig.topic],
  )
  assert.ok((await size()) > 32 * 1024 * 1024)
  const relay = await rig.relay()
  await drained()
  await until('it is small', async () => (await size()) < 1024 * 1024)
  await rig.stop(relay)
})
