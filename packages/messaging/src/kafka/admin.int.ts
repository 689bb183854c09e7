import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { type Fate, kafkaProxy, listOffsetsCall } from '@inorder/testing/kafka-proxy.ts'
import { brokers, unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import { Admin } from '@platformatic/kafka'
import { KafkaAdmin } from './admin.ts'
import { KafkaUnavailable, RecordTooLarge, TopicMissing } from './errors.ts'
import { SerialProducer } from './producer.ts'

const cluster = { brokers: brokers().split(','), clientId: 'admin-test' }
const deadline = 10_000
const kafka = new KafkaAdmin(cluster)
const made: string[] = []

after(async () => {
  await kafka.close()
  const admin = new Admin({ clientId: 'admin-test', bootstrapBrokers: cluster.brokers })
  await admin.deleteTopics({ topics: made })
  await admin.close()
})

async function topic(partitions: number, configs: Record<string, string> = {}): Promise<string> {
  const name = unique('admin')
  made.push(name)
  await kafka.createTopics([{ name, partitions, replicas: 1, configs }], deadline)
  await until('Kafka shows the topic', () => kafka.topic(name, deadline))
  return name
}

const record = (topic: string, partition: number, bytes: number) => ({
  topic,
  partition,
  key: null,
  value: Buffer.alloc(bytes, 'x'),
  headers: new Map<Buffer, Buffer>(),
})

test('a topic is made once; what it is, and where its partitions begin and end, can be asked', async () => {
  const name = await topic(3)
  await kafka.createTopics([{ name, partitions: 5, replicas: 1, configs: {} }], deadline)
  const { id, partitions } = await kafka.topic(name, deadline)
  assert.match(id, /^[0-9a-f-]{36}$/)
  assert.equal(partitions, 3)
  const producer = new SerialProducer(cluster, 1)
  await producer.send([record(name, 1, 1), record(name, 1, 2)], deadline)
  producer.close()
  assert.deepEqual((await kafka.ends(name, deadline)).ends, [0n, 2n, 0n])
  assert.deepEqual(await kafka.log(name, deadline), { id, starts: [0n, 0n, 0n], ends: [0n, 2n, 0n] })
  assert.deepEqual(await kafka.probe(name, deadline), { id, partitions: 3, ready: true, ends: [0n, 2n, 0n] })
})

test('every broker is known by the address that Kafka gives it', async () => {
  assert.deepEqual((await kafka.brokers(deadline)).sort(), [...cluster.brokers].sort())
})

test('a topic that is not there is told from a Kafka that is not', async () => {
  await assert.rejects(kafka.topic('no-such-topic', deadline), TopicMissing)
  await assert.rejects(kafka.ends('no-such-topic', deadline), TopicMissing)
  await assert.rejects(kafka.probe('no-such-topic', deadline), TopicMissing)
  const nobody = new KafkaAdmin({ brokers: ['127.0.0.1:1'], clientId: 'admin-test' })
  await assert.rejects(nobody.topic('t', deadline), KafkaUnavailable)
  await nobody.close()
})

test('a deadline holds against a broker that takes the connection and says nothing; later answers come again', async () => {
  const name = await topic(1)
  const proxy = await kafkaProxy(cluster.brokers[0]!)
  const there = { ...cluster, brokers: [proxy.address] }
  const admin = new KafkaAdmin(there)
  const producer = new SerialProducer(there, 0)
  await admin.ends(name, deadline)
  await producer.send([record(name, 0, 1)], deadline)
  proxy.fate = () => 'swallowed'
  for (const question of [
    () => admin.ends(name, 300),
    () => admin.probe(name, 300),
    () => producer.send([record(name, 0, 1)], 300),
  ]) {
    const began = performance.now()
    await assert.rejects(question(), KafkaUnavailable)
    assert.ok(performance.now() - began < 5_000)
  }
  proxy.fate = () => 'through'
  await producer.send([record(name, 0, 1)], deadline)
  assert.deepEqual((await admin.ends(name, deadline)).ends, [2n])
  producer.close()
  await admin.close()
  await proxy.close()
})

test('what is too large is told apart: one record, or several that are it together', async () => {
  const name = await topic(1, { 'max.message.bytes': '10000' })
  const producer = new SerialProducer(cluster, 0)
  await assert.rejects(producer.send([record(name, 0, 11_000)], deadline), RecordTooLarge)
  await assert.rejects(producer.send([record(name, 0, 6_000), record(name, 0, 6_000)], deadline), RecordTooLarge)
  await producer.send([record(name, 0, 6_000)], deadline)
  assert.deepEqual((await kafka.ends(name, deadline)).ends, [1n])
  producer.close()
})

test('rule 19: the ends of a topic that is made again while they are asked for are never told of the old one', async () => {
  const name = await topic(1)
  const proxy = await kafkaProxy(cluster.brokers[0]!)
  const asking = new KafkaAdmin({ ...cluster, brokers: [proxy.address] })
  const producer = new SerialProducer(cluster, 0)
  const makeAgain = async (before: string) => {
    const admin = new Admin({ clientId: 'admin-test', bootstrapBrokers: cluster.brokers as string[] })
    await admin.deleteTopics({ topics: [name] })
    await admin.close()
    await until('it is made again', async () => {
      await kafka.createTopics([{ name, partitions: 1, replicas: 1, configs: {} }], deadline)
      return (await kafka.topic(name, deadline)).id !== before
    })
  }
  for (const question of ['ends', 'log'] as const) {
    await producer.send([record(name, 0, 1)], deadline)
    const before = await kafka.log(name, deadline)
    assert.deepEqual(before.ends, [1n])
    let made: Promise<void> | undefined
    proxy.fate = async ({ call }): Promise<Fate> => {
      if (call === listOffsetsCall) {
        made ??= makeAgain(before.id)
        await made
      }
      return 'through'
    }
    const { id, ends } = await asking[question](name, deadline)
    assert.notEqual(id, before.id)
    assert.deepEqual(ends, [0n])
  }
  producer.close()
  await asking.close()
  await proxy.close()
})
