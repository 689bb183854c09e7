import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ClusterFacts, Told, TopicFacts } from '@inorder/messaging/kafka/cluster-facts.ts'
import { KafkaForbidden, KafkaUnavailable } from '@inorder/messaging/kafka/errors.ts'
import { root } from '../settings.ts'
import { clusterChecks, kafkaReached, readRights, rightsCheck } from './cluster-checks.ts'
import { kafkaTools } from './kafka-tools.ts'
import type { OwnPart } from './service-checks.ts'

const tool = kafkaTools(['k:9092'], true)
const principal = 'User:order'
const topic = (...mayDo: string[]): TopicFacts => ({
  id: 'id',
  partitions: [],
  configs: new Map(),
  mayDo: new Set(mayDo),
})
const disk = { broker: 1, folder: '/data', totalBytes: 100_000_000_000n, usableBytes: 50_000_000_000n }
const facts = (changes: Partial<ClusterFacts> = {}): ClusterFacts => ({
  clusterId: 'c',
  brokers: [1],
  fetchVersion: 18,
  topics: new Map<string, Told<TopicFacts>>([
    ['order-events', topic('Read', 'Describe')],
    ['order-events.parked', topic('Write', 'Describe', 'DescribeConfigs')],
  ]),
  groups: new Map([['order', new Set(['Read', 'Describe'])]]),
  disks: [disk],
  ...changes,
})
const rights = readRights(readFileSync(join(root, 'deploy/kafka/acls.txt'), 'utf8')).filter(
  ({ service }) => service === 'order',
)
const judged = (changes: Partial<ClusterFacts> = {}) =>
  rightsCheck.judge({ facts: facts(changes), principal, tool, rights })

test('a service with the rights of deploy/kafka has all it needs; each that is missing is named, with the command that gives it', () => {
  assert.equal(rights.length, 4)
  assert.equal(judged().verdict, 'right')
  const none = new Map([['order', new KafkaForbidden('GROUP_AUTHORIZATION_FAILED')]])
  assert.deepEqual(judged({ groups: none }), {
    verdict: 'wrong',
    found: 'User:order lacks Read on group order',
    mend: "kafka-acls.sh --bootstrap-server k:9092 --command-config admin.properties --add --allow-principal 'User:order' --operation Read --group order",
  })
  const less = new Map([...facts().topics, ['order-events.parked', topic('Describe')]] as const)
  assert.match(
    judged({ topics: less }).mend ?? '',
    /--operation Write --topic order-events\.parked\n.*--operation DescribeConfigs --topic/,
  )
})

test('rights that Kafka did not tell are not called missing', () => {
  const silent = new Map([['order', new KafkaUnavailable('no answer')]])
  assert.deepEqual(judged({ groups: silent }), { verdict: 'unknown', found: 'no answer', mend: undefined })
})

test('old brokers and full disks are wrong; a disk that nobody tells of is unknown', () => {
  const verdicts = (changes: Partial<ClusterFacts>) =>
    clusterChecks.map(({ judge }) => judge({ facts: facts(changes), principal, tool }).verdict)
  assert.deepEqual(verdicts({}), ['right', 'right'])
  assert.deepEqual(verdicts({ fetchVersion: 12 }), ['wrong', 'right'])
  assert.deepEqual(verdicts({ disks: [disk, { ...disk, broker: 2, usableBytes: 1_000_000_000n }] }), ['right', 'wrong'])
  assert.deepEqual(verdicts({ disks: [{ ...disk, totalBytes: -1n, usableBytes: -1n }] }), ['right', 'unknown'])
  assert.deepEqual(verdicts({ disks: new KafkaForbidden('CLUSTER_AUTHORIZATION_FAILED') }), ['right', 'unknown'])
})

test('a Kafka that does not answer is named; where it is ours, with its log and how to have it started again', () => {
  const mend = (...ours: OwnPart[]) => {
    const opinion = kafkaReached.judge({ facts: new KafkaUnavailable('no answer'), brokers: ['k:9092'], ours })
    assert.deepEqual([opinion.verdict, opinion.found], ['wrong', 'k:9092: no answer'])
    return opinion.mend
  }
  assert.match(mend() ?? '', /KAFKA_BROKERS/)
  assert.equal(
    mend({ name: 'kafka', pid: 17, log: '.local/logs/kafka.log' }),
    'tail -n 20 .local/logs/kafka.log\nkill -9 17   # where kafka hangs: npm start starts it again at once',
  )
})
