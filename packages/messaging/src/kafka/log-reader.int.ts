import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { kafkaProxy } from '@inorder/testing/kafka-proxy.ts'
import { brokers, unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import { Admin, Producer } from '@platformatic/kafka'
import { KafkaAdmin } from './admin.ts'
import { KafkaRefused, KafkaUnavailable } from './errors.ts'
import { readLog } from './log-reader.ts'
import { SerialProducer } from './producer.ts'

const cluster = { brokers: brokers().split(','), clientId: 'log-reader-test' }
const deadline = 10_000
const kafka = new KafkaAdmin(cluster)
const own = new SerialProducer(cluster, 0)
const ends: (() => Promise<unknown>)[] = []

after(async () => {
  for (const end of ends.reverse()) await end()
  own.close()
  await kafka.close()
})

/** A topic of two partitions, who writes to it, and what a reader gets of it: the values. */
async function log() {
  const topic = unique('log')
  await kafka.createTopics([{ name: topic, partitions: 2, replicas: 1, configs: {} }], deadline)
  await until('Kafka shows the topic', () => kafka.topic(topic, deadline))
  const admin = new Admin({ clientId: 'log-reader-test', bootstrapBrokers: cluster.brokers })
  ends.push(async () => {
    await admin.deleteTopics({ topics: [topic] })
    await admin.close()
  })
  const record = (value: string, partition = 0) => ({ topic, partition, key: null, value: Buffer.from(value) })
  return {
    topic,
    admin,
    write: (value: string, partition?: number) =>
      own.send([{ ...record(value, partition), headers: new Map() }], deadline),
    async inTransaction(values: readonly string[], end?: 'commit' | 'abort') {
      const producer = new Producer({
        clientId: 'foreign',
        bootstrapBrokers: cluster.brokers,
        idempotent: true,
        transactionalId: unique('tx'),
        // Of its transactions too: the broker aborts what is open for longer.
        timeout: 120_000,
      })
      const transaction = await producer.beginTransaction()
      for (const value of values) {
        const { key: _, ...message } = record(value)
        await transaction.send({ messages: [message] })
      }
      if (end) await transaction[end]()
      ends.push(async () => {
        if (!end) await transaction.abort()
        await producer.close(true)
      })
    },
    async read(): Promise<string[]> {
      const { id, starts, ends } = await kafka.log(topic, deadline)
      const spans = new Map(ends.map((to, p) => [p, { from: starts[p]!, to }]))
      const values: string[] = []
      await readLog(cluster, { topic, topicId: id, spans }, async (records) => {
        for (const { partition, value } of records) values.push(`${partition} ${value}`)
      })
      return values
    },
  }
}

test("rule 12: another producer's transaction neither holds up reading nor hides what is behind it", async () => {
  const { write, inTransaction, read } = await log()
  await write('own 1')
  await inTransaction(['aborted 1', 'aborted 2'], 'abort')
  await inTransaction(['committed'], 'commit')
  await inTransaction(['open'])
  await write('own 2')
  await inTransaction(['committed behind'], 'commit')
  await inTransaction(['aborted behind'], 'abort')
  await write('own 3')
  await write('own 4', 1)
  assert.deepEqual(await read(), ['0 own 1', '0 committed', '0 own 2', '0 own 3', '1 own 4'])
})

test('rule 12: a log that ends in an open transaction, or in a marker, is read to its end', async () => {
  const { write, inTransaction, read } = await log()
  await write('own')
  await inTransaction(['aborted'], 'abort')
  assert.deepEqual(await read(), ['0 own'])
  await inTransaction(['open'])
  assert.deepEqual(await read(), ['0 own'])
})

test('rule 12: records that are gone are not passed over', async () => {
  const { topic, admin, write } = await log()
  for (const value of ['a', 'b', 'c']) await write(value)
  const { id } = await kafka.topic(topic, deadline)
  await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 2n }] }] })
  const piece = { topic, topicId: id, spans: new Map([[0, { from: 0n, to: 3n }]]) }
  await assert.rejects(
    readLog(cluster, piece, async () => {}),
    KafkaRefused,
  )
})

test('rule 12: a broker that says nothing any more is no end of the log', async () => {
  const { topic, write } = await log()
  await write('own')
  const { id } = await kafka.topic(topic, deadline)
  const proxy = await kafkaProxy(cluster.brokers[0]!)
  ends.push(() => proxy.close())
  const there = { ...cluster, brokers: [proxy.address] }
  const piece = { topic, topicId: id, spans: new Map([[0, { from: 0n, to: 2n }]]) }
  await assert.rejects(
    readLog(there, piece, async () => {
      proxy.fate = () => 'swallowed'
    }),
    KafkaUnavailable,
  )
})
