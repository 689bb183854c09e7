import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type KafkaProxy, kafkaProxy, produceCall } from '@inorder/testing/kafka-proxy.ts'
import { brokers } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import pg from 'pg'
import { channelName } from './channel.ts'
import { type OutboxRig, outboxRig } from './rig.fixture.ts'

async function withRigAndProxy(work: (rig: OutboxRig, proxy: KafkaProxy) => Promise<void>): Promise<void> {
  const rig = await outboxRig({ partitions: 3 })
  const proxy = await kafkaProxy(brokers().split(',')[0]!)
  try {
    await work(rig, proxy)
  } finally {
    await rig.close()
    await proxy.close()
  }
}

const key = (text: string) => Buffer.from(text)

test('rule 11: an instance that does not lead hears of its own events, also of thousands at once', () =>
  withRigAndProxy(async (rig) => {
    const leader = await rig.relay('leader')
    await leader.contact
    const follower = await rig.relay('follower')
    await follower.contact
    const records = Array.from({ length: 3_000 }, (_, i) => rig.record({ key: key(`k-${i}`), origin: 'follower' }))
    const outcomes = records.map(({ eventId }) => follower.delivery.expect(eventId).within(60_000))
    await rig.add(records)
    follower.wake()
    assert.deepEqual(new Set(await Promise.all(outcomes)), new Set(['delivered']))
    await until('the outbox is empty: telling undid no deletion', async () => (await rig.waiting()) === 0)
  }))

test('rule 11: what Kafka does is known to each instance within about 3 s, without traffic; waiting ends at once', () =>
  withRigAndProxy(async (rig, proxy) => {
    const leader = await rig.relay('leader', { brokers: [proxy.address] })
    await leader.contact
    const follower = await rig.relay('follower', { brokers: [proxy.address] })
    await follower.contact
    const waiters = [leader, follower].map(({ delivery }) =>
      delivery.expect('00000000-0000-0000-0000-000000000000').within(60_000),
    )
    proxy.fate = () => 'swallowed'
    const began = performance.now()
    await until('both know', () => leader.delivery.unavailable && follower.delivery.unavailable)
    const took = performance.now() - began
    assert.ok(took < 6_000, `it took ${took} ms`)
    assert.deepEqual(await Promise.all(waiters), ['pending', 'pending'])
    assert.equal(await follower.delivery.expect('another').within(60_000), 'pending', 'nor does anybody begin to wait')
    proxy.fate = () => 'through'
    await until('both know that it is back', () => !leader.delivery.unavailable && !follower.delivery.unavailable)
  }))

test('rule 11: without a heartbeat for 3 s Kafka counts as away', () =>
  withRigAndProxy(async (rig) => {
    // A leader that says nothing: it only has the lock.
    const silent = new pg.Client({ connectionString: rig.url })
    await silent.connect()
    await silent.query('SELECT pg_advisory_lock(7016002)')
    const relay = await rig.relay('follower')
    const beat = () => silent.query('SELECT pg_notify($1, $2)', [channelName, '{"from":"silent","away":false}'])
    await until('a heartbeat was heard', async () => {
      await beat()
      return !relay.delivery.unavailable
    })
    const last = performance.now()
    const waiter = relay.delivery.expect('00000000-0000-0000-0000-000000000000').within(60_000)
    assert.equal(await waiter, 'pending')
    const took = performance.now() - last
    assert.ok(took > 2_500 && took < 6_000, `it took ${took} ms`)
    assert.ok(relay.delivery.unavailable)
    await silent.end()
    await until('it leads, and has seen Kafka for itself', () => !relay.delivery.unavailable)
  }))

test('rule 10: through losses and changes of the leader the first occurrences of each key ascend', () =>
  withRigAndProxy(async (rig, proxy) => {
    let sends = 0
    // Every fourth send is lost one way or the other.
    proxy.fate = ({ call }) => {
      if (call !== produceCall || sends++ % 4 !== 3 || sends > 60) return 'through'
      return sends % 8 === 0 ? 'unanswered' : 'cut'
    }
    const over = { brokers: [proxy.address] }
    let relays = [await rig.relay('one', over), await rig.relay('two', over)]
    const keys = ['a', 'b', 'c', 'd', 'e', 'f']
    const versions = 60
    for (let version = 0; version < versions; version++) {
      await rig.add(keys.map((k) => rig.record({ key: key(k), value: Buffer.from(String(version)) })))
      for (const relay of relays) relay.wake()
      if (version % 20 === 10) {
        const [leader, follower] = relays as [(typeof relays)[0], (typeof relays)[0]]
        await until('something of it is out', async () => (await rig.waiting()) < keys.length * version)
        await rig.stop(leader)
        relays = [follower, await rig.relay(`after-${version}`, over)]
      }
    }
    await until('the outbox is empty', async () => (await rig.waiting()) === 0)
    const log = await rig.log()
    for (const k of keys) {
      const firsts = [...new Set(log.filter((r) => r.key === k).map(({ value }) => Number(value.toString())))]
      assert.deepEqual(
        firsts,
        Array.from({ length: versions }, (_, i) => i),
      )
    }
  }))

test('a notification that is none of ours changes nothing', () =>
  withRigAndProxy(async (rig) => {
    const leader = await rig.relay('leader')
    await leader.contact
    const follower = await rig.relay('follower')
    await follower.contact
    for (const junk of ['null', '{"acked":5}', '[]', 'no JSON', ''])
      await rig.pool.query(`NOTIFY ${channelName}, '${junk}'`)
    const record = rig.record({ key: key('after'), origin: 'follower' })
    const outcome = follower.delivery.expect(record.eventId).within(60_000)
    await rig.add([record])
    follower.wake()
    assert.equal(await outcome, 'delivered')
  }))
