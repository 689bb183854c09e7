import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { registryUrl, unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import { SchemaRegistry } from '../kafka/registry.ts'
import { unframe } from '../kafka/wire-format.ts'
import { stillInOutbox } from './outbox.ts'
import { type OutboxRig, outboxRig } from './rig.fixture.ts'
import { rememberSchema } from './schemas.ts'

let rig: OutboxRig
before(async () => {
  rig = await outboxRig()
})
after(() => rig.close())

const drained = () => until('the outbox is empty', async () => (await rig.waiting()) === 0)

test('a record goes out as it was added: key, value, headers, and the partition that Java would choose', async () => {
  const relay = await rig.relay()
  await rig.add([
    rig.record({
      key: Buffer.from('key-é'),
      value: Buffer.from([0, 255, 1]),
      headers: { text: 'ä"\\\0', bytes: Buffer.from([0, 255]), empty: '' },
    }),
    rig.record({ key: null, value: Buffer.alloc(0) }),
    rig.record({ key: Buffer.from('tombstone'), value: null, headers: { text: 'kept' } }),
  ])
  relay.wake()
  await drained()
  const log = await rig.log()
  const record = log.find(({ key }) => key === 'key-é')!
  assert.deepEqual(record.value, Buffer.from([0, 255, 1]))
  assert.deepEqual(
    record.headers,
    new Map([
      ['text', Buffer.from('ä"\\\0')],
      ['bytes', Buffer.from([0, 255])],
      ['empty', Buffer.alloc(0)],
    ]),
  )
  assert.equal(log.filter(({ key }) => key === null).length, 1)
  const tombstone = log.find(({ key }) => key === 'tombstone')!
  assert.equal(tombstone.value ?? null, null)
  assert.deepEqual(tombstone.headers, new Map([['text', Buffer.from('kept')]]))
  await rig.stop(relay)
})

test('rule 3: a body goes out under the schema it was written with, also when another is current', async () => {
  const schema = (fields: string[]) =>
    JSON.stringify({
      type: 'record',
      name: 'E',
      fields: fields.map((name) => ({ name, type: 'string', default: '' })),
    })
  const subject = unique('subject')
  const registry = new SchemaRegistry({ url: registryUrl(), deadlineMs: 5_000 })
  const [old, current] = [schema(['a']), schema(['a', 'b'])]
  await rememberSchema(rig.pool, 'old', subject, old)
  await rememberSchema(rig.pool, 'current', subject, current)
  const currentId = await registry.idOf(subject, current)
  await rig.add([
    rig.record({ key: Buffer.from('schemas'), value: Buffer.from('1'), fingerprint: 'old' }),
    rig.record({ key: Buffer.from('schemas'), value: Buffer.from('2'), fingerprint: 'current' }),
  ])
  const relay = await rig.relay()
  await drained()
  const out = (await rig.log()).filter(({ key }) => key === 'schemas').map(({ value }) => unframe(value))
  assert.deepEqual(
    out.map(({ body }) => body.toString()),
    ['1', '2'],
  )
  assert.equal(await registry.schemaOf(out[0]!.schemaId), old)
  assert.equal(out[1]!.schemaId, currentId)
  await rig.stop(relay)
})

test('without the registry events wait, and go out when it is back', async () => {
  let away = true
  const registry = new SchemaRegistry({ url: 'http://127.0.0.1:1', deadlineMs: 500 })
  const real = new SchemaRegistry({ url: registryUrl(), deadlineMs: 5_000 })
  let asked = 0
  registry.idOf = (subject, schema) => {
    asked++
    return away ? SchemaRegistry.prototype.idOf.call(registry, subject, schema) : real.idOf(subject, schema)
  }
  const relay = await rig.relay(unique('relay'), { registry })
  await relay.contact
  await rememberSchema(rig.pool, 'late', unique('subject'), '"string"')
  await rig.add([rig.record({ key: Buffer.from('late'), fingerprint: 'late' }), rig.record({ key: Buffer.from('x') })])
  relay.wake()
  await until('the registry was asked twice', () => asked >= 2)
  assert.ok((await rig.waiting()) > 0)
  assert.equal(relay.delivery.unavailable, false, 'Kafka is there')
  away = false
  await drained()
  await rig.stop(relay)
})

test('rule 7: who waits for an event hears of it, also if the relay was faster than the commit', async () => {
  const relay = await rig.relay('fast')
  await relay.contact
  const record = rig.record({ key: Buffer.from('w'), origin: 'fast' })
  const waiter = relay.delivery.expect(record.eventId)
  await rig.add([record])
  relay.wake()
  // Not before the event is published and gone: nothing is left that could tell of it.
  await drained()
  assert.equal(await waiter.within(60_000), 'delivered')
  await rig.stop(relay)
})

test('rule 6: who begins to wait for an event that is acknowledged and not yet deleted hears of it', async () => {
  const relay = await rig.relay('noop')
  await relay.contact
  const record = rig.record({ key: Buffer.from('n'), origin: 'noop' })
  const owner = relay.delivery.expect(record.eventId)
  // The deletion is held up by a lock on the row.
  const client = await rig.pool.connect()
  await rig.add([record])
  await client.query('BEGIN')
  await client.query('SELECT FROM outbox WHERE event_id = $1 FOR UPDATE', [record.eventId])
  relay.wake()
  assert.equal(await owner.within(60_000), 'delivered')
  assert.deepEqual(await stillInOutbox(rig.pool, [record.eventId, randomUUID()]), new Set([record.eventId]))
  const late = relay.delivery.expect(record.eventId).within(60_000)
  await client.query('COMMIT')
  client.release()
  assert.equal(await late, 'delivered')
  await rig.stop(relay)
})

test('each of many small records is in Kafka within 100 ms, without a poll', async () => {
  const relay = await rig.relay('one-by-one')
  await relay.contact
  const times: number[] = []
  for (let i = 0; i < 100; i++) {
    const record = rig.record({ key: Buffer.from(`one-${i}`), origin: 'one-by-one' })
    const waiter = relay.delivery.expect(record.eventId)
    await rig.add([record])
    const began = performance.now()
    relay.wake()
    assert.equal(await waiter.within(60_000), 'delivered')
    times.push(performance.now() - began)
  }
  const median = times.sort((a, b) => a - b)[50]!
  assert.ok(median < 100, `median ${median} ms`)
  await rig.stop(relay)
})
