import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import { Producer } from '@platformatic/kafka'
import type { Pool } from 'pg'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { keyHash } from '../kafka/partitioner.ts'
import { framed, modelRegistry } from './model-topic.fixture.ts'
import {
  admin,
  assertComplete,
  caughtUp,
  cleanups,
  committed,
  event,
  kafka,
  service,
  someKeys,
  versions,
} from './running-inbox.fixture.ts'

/** As a restored backup: all that the database knew after the first version is gone. */
async function restoreTo(pool: Pool, position: string): Promise<void> {
  await pool.query('TRUNCATE inbox_key, model_key, topic_keys')
  await pool.query(position)
}

test('a backlog is applied, garbage among it parked, Kafka told where the group is', async () => {
  const { pool, start, send, sendEvents, untilVersion, group, topic } = await service()
  const keys = someKeys(1_000)
  await sendEvents(keys, [1])
  await send([
    { key: 'bad', value: Buffer.from('garbage') },
    { key: '', value: Buffer.from('garbage') },
  ])
  await sendEvents(keys, [2, 2, 3])
  const inbox = await start()
  await inbox.ready
  await until('three versions', async () => (await versions(pool)).get(3) === keys.length)
  await assertComplete(pool, keys, 3)
  await caughtUp(inbox)
  assert.equal((await inbox.ops.of('bad'))?.events[0]?.state, 'head')
  await until('the group has committed', async () => (await committed(group, topic.name)) === 4_002n)
  await sendEvents(keys, [4])
  await untilVersion([...keys], 4)
})

test('rule 13: a restored database reads again what it lacks, though Kafka has committed it', async () => {
  const { pool, start, stop, sendEvents, untilVersion, group, topic } = await service()
  const keys = someKeys(300)
  await sendEvents(keys, [1, 2, 3])
  const first = await start()
  await untilVersion(keys, 3)
  await until('the group has committed', async () => (await committed(group, topic.name)) === 900n)
  await stop(first)
  for (const position of ['UPDATE inbox_position SET next_offset = 0', 'DELETE FROM inbox_position']) {
    await restoreTo(pool, position)
    const again = await start()
    await untilVersion(keys, 3)
    await assertComplete(pool, keys, 3)
    await caughtUp(again)
    await stop(again)
  }
})

test('rule 13: a database restored under a running service is read again too', async () => {
  const { pool, start, sendEvents, untilVersion } = await service()
  const keys = someKeys(300)
  await sendEvents(keys, [1, 2])
  const inbox = await start()
  await untilVersion(keys, 2)
  await restoreTo(pool, 'UPDATE inbox_position SET next_offset = 0')
  await sendEvents(keys, [3])
  await untilVersion(keys, 3)
  await assertComplete(pool, keys, 3)
  await caughtUp(inbox)
})

test('rule 13: a group that Kafka has forgotten, or knows further back, applies nothing twice', async () => {
  const { pool, start, stop, sendEvents, untilVersion, group, topic, applied } = await service()
  const keys = someKeys(300)
  await sendEvents(keys, [1, 2])
  const first = await start()
  await untilVersion(keys, 2)
  await caughtUp(first)
  await stop(first)
  await admin.deleteGroups({ groups: [group] })
  assert.equal(await committed(group, topic.name), 0n)
  const second = await start()
  await sendEvents(keys, [3])
  await untilVersion(keys, 3)
  await caughtUp(second)
  await assertComplete(pool, keys, 3)
  assert.equal(applied.length, 900)
})

test('rule 13: markers of transactions, and aborted records, leave no lag behind', async () => {
  const { pool, start, stop, topic, sendEvents, untilVersion } = await service()
  const keys = someKeys(30)
  const inbox = await start()
  const transactional = new Producer({ ...kafka, idempotent: true, transactionalId: unique('tx') })
  cleanups.push(() => transactional.close(true))
  const inTransaction = async (version: number, end: 'commit' | 'abort') => {
    const transaction = await transactional.beginTransaction()
    const messages = keys.map((key) => ({
      topic: topic.name,
      key: Buffer.from(key),
      value: framed(event(key, version)),
    }))
    await transaction.send({ messages })
    await transaction[end]()
  }
  await inTransaction(1, 'commit')
  await untilVersion(keys, 1)
  await caughtUp(inbox)
  await inTransaction(2, 'abort')
  await caughtUp(inbox)
  const positions = await inbox.positions()
  assert.equal(positions.reduce((sum, { next }) => sum + next, 0) > 2 * keys.length, true)
  await stop(inbox)
  await start()
  await sendEvents(keys, [2])
  await untilVersion(keys, 2)
  await assertComplete(pool, keys, 2)
})

test('instances come and go under load: each event is applied once, in order', async () => {
  const { pool, start, stop, sendEvents, untilVersion, applied } = await service()
  const keys = someKeys(200)
  const rounds = 12
  const registries = [new Registry(), new Registry()]
  const first = await start({ metrics: registries[0]!, instance: 'first' })
  await first.ready
  const reportedBy = async (registry: Registry) =>
    (await registry.getSingleMetric('inorder_inbox_lag_events')?.get())?.values.map(({ labels }) => labels.partition) ??
    []
  const reported = async () => (await Promise.all(registries.map(reportedBy))).flat()
  let sending = true
  const coming = (async () => {
    while (sending) {
      registries[1] = new Registry()
      const other = await start({ metrics: registries[1], instance: 'other' })
      await other.ready
      await until('each partition is reported by its owner', async () => (await reported()).sort().join() === '0,1,2')
      await until('each instance tells who owns it', async () => {
        const owned = async (owner: string) =>
          (await other.ops.positions()).filter((one) => one.owner === owner).map(({ partition }) => String(partition))
        const [ofFirst, ofOther] = await Promise.all(registries.map(reportedBy))
        return `${await owned('first')} ${await owned('other')}` === `${ofFirst!.sort()} ${ofOther!.sort()}`
      })
      await stop(other)
    }
  })()
  for (let version = 1; version <= rounds; version++) {
    await sendEvents(keys, [version])
    await until('half of it', async () => ((await versions(pool)).get(version) ?? 0) > keys.length / 2)
  }
  sending = false
  await coming
  await untilVersion(keys, rounds)
  await assertComplete(pool, keys, rounds)
  assert.equal(applied.length, keys.length * rounds)
})

test('what is parked, redriven, discarded, healed and dropped is counted, and has its line', async () => {
  const { pool, start, send, topic } = await service()
  const lines: Record<string, unknown>[] = []
  const told = (msg: string, key?: string) =>
    lines.filter((line) => line.msg === msg && (key === undefined || line.key === key))
  const metrics = new Registry()
  const value = async (name: string) => {
    const { values = [] } = (await metrics.getSingleMetric(name)?.get()) ?? {}
    return values.reduce((sum, one) => sum + one.value, 0)
  }
  const inbox = await start({ metrics, logger: pino({}, { write: (line: string) => lines.push(JSON.parse(line)) }) })
  const put = (key: string, ...versions: number[]) =>
    send(versions.map((version) => ({ key, value: framed(event(key, version)) })))
  const refused = { ...event('refused', 2), refused: true }
  await put('gap', 1, 3)
  await until('it waits', async () => (await value('inorder_inbox_parked_total')) === 1)
  await put('gap', 2, 2)
  await send([{ key: 'poison', value: Buffer.from('garbage') }])
  await put('poison', 1, 2)
  await put('refused', 1)
  await send([{ key: 'refused', value: framed(refused) }])
  await put('refused', 3)
  await until('all is read', async () => (await value('inorder_inbox_parked_total')) >= 6)
  await caughtUp(inbox)
  const text = await metrics.metrics()
  for (const cause of ['undecodable', 'apply-failed'])
    assert.match(text, new RegExp(`^inorder_inbox_parked_keys\\{cause="${cause}"\\} 1$`, 'm'))
  assert.doesNotMatch(
    text,
    /parked_keys\{cause="(behind|gap)"/,
    'what waits behind holds nothing up, and the gap is closed',
  )
  assert.match(text, /^inorder_inbox_parked_oldest_seconds 0\.\d|^inorder_inbox_parked_oldest_seconds [1-9]/m)
  assert.deepEqual(
    ['head', 'behind', 'behind'],
    told('a record was parked: see GET /ops/parked/{key}', 'poison').map(({ state }) => state),
  )
  assert.equal(told('a record was parked: see GET /ops/parked/{key}', 'poison')[0]?.level, 40)
  assert.equal(told('a record that waited is applied', 'gap').length, 1)
  assert.equal(
    told('duplicates were dropped').reduce((sum, { duplicates }) => sum + Number(duplicates), 0),
    1,
  )

  const { ops } = inbox
  const operator = 'ann'
  const [head] = (await ops.of('refused'))?.events ?? []
  assert.ok(head)
  await ops.discard('refused', { operator, event: head.event, reason: 'a test', skipVersion: true })
  await ops.redrive('poison', { operator, dryRun: true })
  await ops.redrive('poison', { operator, dryRun: false })
  const [discarded] = told('a record was discarded')
  assert.deepEqual([discarded?.key, discarded?.event, discarded?.reason], ['refused', head.event, 'a test'])
  assert.deepEqual(
    told('a key was redriven').map(({ key, applied }) => [key, applied]),
    [['poison', 0]],
  )
  const counted: Record<string, number> = { parked: 6, redriven: 1, discarded: 1, healed: 1, duplicates: 1, applied: 5 }
  for (const [what, count] of Object.entries(counted))
    assert.equal(await value(`inorder_inbox_${what}_total`), count, what)
  assert.equal((await ops.stateOf('refused'))?.eventId, 'refused-v3')
  assert.equal((await pool.query('SELECT FROM outbox WHERE topic = $1', [topic.parkedName])).rowCount, 2)
})

test('rule 17: sessions that die and a registry that is away only delay; nothing is parked, nothing passes', async () => {
  const { pool, start, sendEvents, untilVersion } = await service()
  const keys = someKeys(500)
  let away = true
  const registry = {
    schemaOf: async (id: number) => {
      if (away) throw new Error('the registry does not answer')
      return modelRegistry.schemaOf(id)
    },
  }
  await sendEvents(keys, [1, 2, 3])
  const metrics = new Registry()
  const inbox = await start({ registry, metrics })
  await inbox.ready
  const value = async (name: string) => (await metrics.getSingleMetric(name)?.get())?.values[0]?.value ?? 0
  await until('it was tried again', async () => (await value('inorder_inbox_retries_total')) > 1)
  assert.equal((await versions(pool)).size, 0)
  const samples = async (name: string) => (await metrics.getSingleMetric(name)?.get())?.values.map(({ value }) => value)
  await until('all of it is seen', async () => {
    const lag = (await samples('inorder_inbox_lag_events')) ?? []
    return lag.length === 3 && lag.reduce((sum, events) => sum + events, 0) === 1_500
  })
  const before = await samples('inorder_inbox_lag_seconds')
  assert.ok(before?.length === 3 && before.every((seconds) => seconds > 0 && seconds < 60), `${before}`)
  away = false
  for (let n = 0; n < 20; n++) {
    await pool
      .query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()`)
      .catch((error) => assert.equal(error.code, '57P01'))
  }
  await untilVersion(keys, 3)
  await assertComplete(pool, keys, 3)
  assert.deepEqual((await inbox.ops.list({ limit: 10 })).items, [])
  for (const lag of ['inorder_inbox_lag_events', 'inorder_inbox_lag_seconds'])
    await until(`${lag} is 0`, async () => (await samples(lag))?.join() === '0,0,0')
  assert.ok((await value('kafka_consumed_messages')) >= 1_500)
})

test('rule 17: a batch that is retried for 15 s is an alarm that names record and cause, and the service is not ready', async () => {
  const { pool, topic, start, send, sendEvents, untilVersion } = await service()
  const lines: Record<string, unknown>[] = []
  const write = (line: string) => lines.push(JSON.parse(line))
  const inbox = await start({ logger: pino({}, { write }) })
  const keys = someKeys(60)
  await sendEvents(keys, [1])
  await send([{ key: 'bad', value: Buffer.from('garbage') }])
  await untilVersion(keys, 1)
  await until('it is parked', async () => (await inbox.ops.of('bad')) !== undefined)
  const stalls = () => inbox.missing().filter((part) => part.startsWith('partition '))

  // Refused for no fault of its own, which no trying can mend; everybody else's events are fine.
  await pool.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.key = 'o-7' THEN RAISE EXCEPTION 'there is no such table' USING ERRCODE = '42P01'; END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON model_key FOR EACH ROW EXECUTE FUNCTION refuse()`)
  await sendEvents(keys, [2])
  await until('it is an alarm', () => lines.some(({ alarm }) => alarm === 'inbox-stalled'), 60_000)
  const [stall] = await until('only its partition stands still', () => stalls().length === 1 && stalls(), 60_000)
  const alarms = lines.filter(({ alarm }) => alarm === 'inbox-stalled')
  const own = alarms.find(({ key }) => key === 'o-7')
  assert.ok(own, JSON.stringify(alarms))
  assert.match(String(own.cause), /no such table.*42P01/)
  assert.match(String(own.event), /^[\w-]+\/\d\/\d+$/)
  assert.match(stall!, new RegExp(`^partition ${topic.name}/${own.partition} \\(retried for \\d+ s\\)$`))
  // An operator is not kept waiting by it.
  const [head] = (await inbox.ops.of('bad'))!.events
  const discarded = await inbox.ops.discard('bad', {
    operator: 'ann',
    event: head!.event,
    reason: 'a test',
    skipVersion: false,
  })
  assert.ok(!('refused' in discarded))
  const elsewhere = await until('the other partitions go on', async () => {
    const positions = await inbox.positions()
    return positions.filter(({ lag }) => lag === 0).length === positions.length - 1 && positions
  })
  assert.ok(elsewhere.find(({ partition }) => partition === own.partition)!.lag! > 0)
  const standing = (await inbox.ops.positions()).filter(({ stalledSeconds }) => stalledSeconds !== null)
  assert.deepEqual(
    [standing.length, standing[0]?.partition, standing[0]!.stalledSeconds! >= 15],
    [1, own.partition, true],
  )
  assert.equal(await inbox.ops.of('o-7'), undefined, 'nothing is parked')

  await pool.query('DROP TRIGGER refuse ON model_key')
  await untilVersion(keys, 2)
  await caughtUp(inbox)
  assert.deepEqual(inbox.missing(), [])
  assert.ok(lines.some(({ msg, partition }) => msg === 'the partition goes on' && partition === own.partition))
})

test('rule 18: a version that an operator skipped and that comes after all is an alarm that names it', async () => {
  const { pool, start, sendEvents } = await service()
  const lines: Record<string, unknown>[] = []
  const inbox = await start({ logger: pino({}, { write: (line: string) => lines.push(JSON.parse(line)) }) })
  await sendEvents(['o-1'], [1, 3])
  const waiting = await until('version 3 waits', async () => (await inbox.ops.of('o-1'))?.events[0]?.event)
  const discard = { operator: 'ann', event: waiting, reason: 'version 2 never comes', skipVersion: true }
  assert.deepEqual(await inbox.ops.discard('o-1', discard), { key: 'o-1', applied: 1, remaining: 0, skipped: [2] })
  assert.deepEqual((await inbox.ops.stateOf('o-1'))?.skipped, [{ from: 2, to: 2 }])
  const alarms = () => lines.filter(({ alarm }) => alarm === 'skipped-version-arrived')
  // A plain duplicate is none.
  await sendEvents(['o-1'], [1, 2, 4])
  await until('version 4 is applied', async () => (await versions(pool)).get(4) === 1)
  await until('it is an alarm', () => alarms().length > 0)
  const place = waiting.slice(0, waiting.lastIndexOf('/'))
  assert.deepEqual(
    alarms().map(({ level, key, version, event }) => [level, key, version, event]),
    [[50, 'o-1', 2, `${place}/3`]],
  )
})

test('rule 17: partitions that are stuck do not keep the others waiting, however many they are', async () => {
  const { pool, start, sendEvents, untilVersion } = await service()
  const inbox = await start()
  const keys = someKeys(60)
  await sendEvents(keys, [1])
  await untilVersion(keys, 1)
  await caughtUp(inbox)
  // One of each of two partitions, as many as there are batches at once.
  const partitionOf = (key: string) => keyHash(Buffer.from(key)) % 3
  const first = keys.find((key) => partitionOf(key) === 0)
  const second = keys.find((key) => partitionOf(key) === 1)
  await pool.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.key IN ('${first}', '${second}') THEN RAISE EXCEPTION 'odd' USING ERRCODE = 'P0001'; END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON model_key FOR EACH ROW EXECUTE FUNCTION refuse()`)
  await sendEvents(keys, [2])
  await until('both are parked', async () => (await inbox.ops.list({ cause: 'refused', limit: 10 })).items.length === 2)
  await until('the others are at 2', async () => (await versions(pool)).get(2) === keys.length - 2)
  await caughtUp(inbox)
})
