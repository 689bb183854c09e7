import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { transaction } from '@inorder/storage/transaction.ts'
import { brokers, unique } from '@inorder/testing/parts.ts'
import { rowsRead } from '@inorder/testing/rows-read.ts'
import { until } from '@inorder/testing/until.ts'
import { Admin, ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from '@platformatic/kafka'
import { pino } from 'pino'
import { partitionOf } from '../kafka/partitioner.ts'
import { type OutboxRig, outboxRig } from './rig.fixture.ts'
import { SetAsideOperator } from './set-aside.ts'
import { waitingRows } from './set-aside-store.ts'
import { declareTopic, relane } from './store.ts'

let rig: OutboxRig
let admin: Admin

before(() => {
  admin = new Admin({ clientId: 'set-aside', bootstrapBrokers: brokers().split(',') })
})
after(() => admin.close())
beforeEach(async () => {
  rig = await outboxRig({ partitions: 1, configs: { 'max.message.bytes': '50000' } })
})
afterEach(() => rig.close())

const limitTo = (bytes: number) =>
  admin.incrementalAlterConfigs({
    resources: [
      {
        resourceType: ConfigResourceTypes.TOPIC,
        resourceName: rig.topic,
        configs: [
          {
            name: 'max.message.bytes',
            configOperation: IncrementalAlterConfigOperationTypes.SET,
            value: String(bytes),
          },
        ],
      },
    ],
  })

/** Three versions of a key, of which Kafka does not take the second. */
const versions = (key: string) =>
  [1, 2, 3].map((version) =>
    rig.record({
      key: Buffer.from(key),
      value: version === 2 ? Buffer.alloc(60_000, '2') : Buffer.from(String(version)),
      headers: { version: String(version) },
    }),
  )
const inLog = async (key: string | null) =>
  (await rig.log()).filter((record) => record.key === key).map(({ value }) => value.toString().slice(0, 1))

const waitingOf = async (key: string) =>
  (await operatorOf({ wake() {} }).waitingOf(key)).events.map(({ since: _, ...event }) => event)

const operatorOf = (relay: { wake(): void }, lines: Record<string, unknown>[] = []) =>
  new SetAsideOperator({
    pool: rig.pool,
    maintenance: rig.pool,
    relay,
    versionHeader: 'version',
    logger: pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) }),
    consequence: ({ key, version }) => `each service misses version ${version} of ${key}`,
  })
const isSetAside = (operator: SetAsideOperator) =>
  until('the second is set aside, and the first out', async () => {
    return (await operator.list({ limit: 1 })).items.length === 1 && (await rig.waiting()) === 2
  })
const tried = { operator: 'ann', dryRun: false }

test('rule 9: what is set aside is listed, and redriven from any instance goes out before what waits behind it', async () => {
  await rig.relay('leads')
  const other = await rig.relay('follows')
  const operator = operatorOf(other)
  const records = versions('o-1')
  await rig.add(records)
  await isSetAside(operator)
  const [item, ...more] = (await operator.list({ limit: 10 })).items
  assert.deepEqual(more, [])
  const { since, detail, ...rest } = item!
  const second = records[1]!.eventId
  const expected = { key: 'o-1', event: second, topic: rig.topic, version: 2, cause: 'record-too-large', behind: 1 }
  assert.deepEqual(rest, expected)
  assert.ok(Date.parse(since) <= Date.now() && detail.length > 0)
  assert.deepEqual(await operator.of('o-1'), { key: 'o-1', events: [item] })
  assert.equal(await operator.of('o-2'), undefined)
  const waits = (n: number) => ({
    event: records[n]!.eventId,
    topic: rig.topic,
    version: n + 1,
    setAside: false,
    cause: null,
  })
  assert.deepEqual(await waitingOf('o-1'), [{ ...waits(1), setAside: true, cause: 'record-too-large' }, waits(2)])

  const told = { key: 'o-1', event: second, behind: 1 }
  const answer = { items: [told], next: null, totals: { events: 1, redriven: 1, failed: 0 } }
  assert.deepEqual(await operator.redrive('o-1', { ...tried, dryRun: true }), answer)
  assert.equal((await operator.list({ limit: 10 })).items[0]?.since, since, 'nothing was done')

  // Kafka still refuses it: it is set aside anew.
  assert.deepEqual(await operator.redrive('o-1', tried), answer)
  await until('it is set aside again', async () => {
    const [again] = (await operator.list({ limit: 10 })).items
    return again !== undefined && again.since !== since
  })
  await limitTo(100_000)
  assert.deepEqual((await operator.redriveAll('another', tried)).totals.events, 0)
  assert.deepEqual(await operator.redriveAll('record-too-large', tried), answer)
  await until('the outbox is empty', async () => (await rig.waiting()) === 0)
  assert.deepEqual(await inLog('o-1'), ['1', '2', '3'])
  assert.equal(await operator.redrive('o-1', tried), undefined)
  const { items: audit, next } = await operator.audit({ limit: 1 })
  assert.deepEqual(
    audit.map(({ operator, action, key, event }) => [operator, action, key, event]),
    [['ann', 'set-aside-redrive', 'o-1', second]],
  )
  assert.equal((await operator.audit({ limit: 10, after: Number(next) })).items.length, 1)
})

test('of more than 1,000 events that are set aside for one cause the oldest are redriven, and the answer says where to go on', async () => {
  await rig.add(Array.from({ length: 1_001 }, (_, n) => rig.record({ key: Buffer.from(`o-${n}`) })))
  await rig.pool.query(`UPDATE outbox SET set_aside_at = now(), cause = 'record-too-large'`)
  const operator = operatorOf({ wake() {} })
  const { totals, next } = await operator.redriveAll('record-too-large', { ...tried, dryRun: true })
  assert.equal(totals.redriven, 1_000)
  const rest = await operator.redriveAll('record-too-large', { ...tried, after: next! })
  assert.deepEqual([rest.totals.redriven, rest.next], [1, null])
  assert.equal((await operator.list({})).items.length, 1_000)
})

test('rule 9: what is discarded is kept, audited and said to be missing; what waits behind it goes out', async () => {
  const lines: Record<string, unknown>[] = []
  const operator = operatorOf(await rig.relay(), lines)
  const records = versions('o-1')
  const second = records[1]!.eventId
  await rig.add(records)
  await isSetAside(operator)
  const discard = (key: string, event: string) =>
    operator.discard(key, { event, reason: 'too large for anybody', operator: 'ann' })
  const refusal = async (key: string, event: string) => {
    const answer = await discard(key, event)
    return 'refused' in answer && answer.refused
  }
  assert.equal(await refusal('o-1', records[2]!.eventId), 'not-set-aside')
  assert.equal(await refusal('o-2', second), 'nothing-set-aside')

  const answer = await discard('o-1', second)
  const consequence = 'each service misses version 2 of o-1'
  assert.deepEqual(answer, { key: 'o-1', event: second, version: 2, behind: 1, consequence })
  await until('the outbox is empty', async () => (await rig.waiting()) === 0)
  assert.deepEqual(await inLog('o-1'), ['1', '3'])
  assert.deepEqual(await discard('o-1', second), answer, 'repeated, it is answered the same')
  const { rows } = await rig.pool.query('SELECT event_id, octet_length(value) AS bytes FROM outbox_dropped')
  assert.deepEqual(rows, [{ event_id: second, bytes: 60_000 }])
  const [entry, ...more] = (await operator.audit({ limit: 10 })).items
  assert.deepEqual(more, [])
  assert.deepEqual([entry?.action, entry?.reason, entry?.event], ['set-aside-discard', 'too large for anybody', second])
  assert.equal(entry?.after.consequence, consequence)
  assert.deepEqual(
    lines.map(({ alarm, key, version }) => [alarm, key, version]),
    [['event-dropped', 'o-1', 2]],
  )
})

test('rows without a usable key are named by their event, page by page', async () => {
  const operator = operatorOf(await rig.relay())
  const large = (key: Buffer | null) => rig.record({ key, value: Buffer.alloc(60_000) })
  const odd = [large(null), large(Buffer.from([0xff])), large(Buffer.from('a\nb')), large(Buffer.from('ü/1'))]
  await rig.add(odd)
  await until('all are set aside', async () => (await operator.list({ limit: 10 })).items.length === 4)
  const names = [...odd.slice(0, 3).map(({ eventId }) => `@${eventId}`), 'ü/1']
  const seen: string[] = []
  let after: string | null = null
  do {
    const page = await operator.list({ limit: 3, ...(after !== null && { after }) })
    seen.push(...page.items.map(({ key }) => key))
    after = page.next
  } while (after !== null)
  assert.deepEqual(seen, names)
  for (const [i, name] of names.entries()) {
    const event = odd[i]!.eventId
    assert.equal((await operator.of(name))?.events[0]?.event, event)
    assert.ok(!('refused' in (await operator.discard(name, { event, reason: unique('r'), operator: 'ann' }))))
  }
  assert.equal(await rig.waiting(), 0)
})

test('what of a key waits is found in its lanes, whether a relay has declared their topics or not, and no other lane is read', async () => {
  const topics = [rig.topic, 'elsewhere']
  const key = Buffer.from('ü/1')
  const record = (over: object) => rig.record({ key, headers: { version: '7' }, ...over })
  const records = topics.map((topic) => record({ topic }))
  await rig.add([...records, record({ key: Buffer.from('another') })])
  const expected = records.map(({ eventId: event, topic }) => ({
    event,
    topic,
    version: 7,
    setAside: false,
    cause: null,
  }))
  assert.deepEqual(await waitingOf('ü/1'), expected)
  assert.deepEqual(await waitingOf('unknown'), [])
  for (const topic of topics) {
    await declareTopic(rig.pool, topic, 6)
    await relane(rig.pool, topic, 6)
  }
  assert.deepEqual(await waitingOf('ü/1'), expected)
  await rig.pool.query(
    `INSERT INTO outbox (event_id, topic, partition, key_hash, key, headers, bytes, origin)
     SELECT gen_random_uuid(), $1, ($2 + n) % 6, 0, 'other', '{}', 1, '' FROM generate_series(1, 2000) AS n`,
    [rig.topic, partitionOf(key, 6)],
  )
  await transaction(rig.pool, async (tx) => {
    const read = await rowsRead(tx, async () => assert.equal((await waitingRows(tx, 'version', 'ü/1')).length, 2))
    assert.ok(read.get('outbox')! < 20, `${read.get('outbox')} rows were read`)
  })
})
