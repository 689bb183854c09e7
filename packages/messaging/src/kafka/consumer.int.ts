import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokers, unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import { Consumer } from '@platformatic/kafka'
import { KafkaAdmin } from './admin.ts'
import { TopicConsumer } from './consumer.ts'
import { LogConsumer } from './log-consumer.ts'

type Joined = (error: Error | null, member: string) => void
const cluster = { brokers: brokers().split(','), clientId: 'consumer-test' }

test('a consumer that is closed in the moment in which its stream is made fails that stream, and nothing else', async (t) => {
  const kafka = new KafkaAdmin(cluster)
  t.after(() => kafka.close())
  const topic = unique('consumer')
  await kafka.createTopics([{ name: topic, partitions: 1, replicas: 1, configs: {} }], 10_000)
  await until('Kafka shows the topic', () => kafka.topic(topic, 10_000))
  // As a service does that stops while its consumer joins the group.
  t.mock.method(LogConsumer.prototype, 'joinGroup', function (this: LogConsumer, options: object, joined: Joined) {
    const closeFirst: Joined = (...answer) => {
      this.close(true).catch(() => {})
      joined(...answer)
    }
    return Reflect.apply(Consumer.prototype.joinGroup, this, [options, closeFirst])
  })
  const troubles: unknown[] = []
  const consumer = new TopicConsumer({ ...cluster, group: unique('group'), topic, onTrouble: (e) => troubles.push(e) })
  const stream = await consumer.open()
  assert.throws(() => stream.assertUsable(), /closed/)
  assert.ok(troubles.some((error) => /closed/.test(String(error))))
})
