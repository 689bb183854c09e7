import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { KafkaForbidden, TopicMissing } from '@inorder/messaging/kafka/errors.ts'
import { findingsOf } from './finding.ts'
import { kafkaTools } from './kafka-tools.ts'
import { type TopicView, topicChecks, topicThere } from './topic-checks.ts'

const tool = kafkaTools(['k:9092'], false)
const made = { name: 'events', partitions: 2, replicas: -1, configs: { 'max.message.bytes': '1000' } }
const healthy = {
  'min.insync.replicas': '2',
  'unclean.leader.election.enable': 'false',
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'max.message.bytes': '1000',
  'message.timestamp.type': 'CreateTime',
  'message.timestamp.before.max.ms': '9223372036854775807',
  'message.timestamp.after.max.ms': '3600000',
}
const replicas = [1, 2, 3]
const partitions = [
  { leader: 1, replicas, inSync: replicas },
  { leader: 2, replicas, inSync: replicas },
]
const alone = [{ leader: 1, replicas: [1], inSync: [1] }]

function view(configs: Record<string, string> = {}, changes: Partial<TopicView> = {}): TopicView {
  const facts = {
    id: 'id',
    partitions,
    mayDo: new Set<string>(),
    configs: new Map(Object.entries({ ...healthy, ...configs })),
  }
  return { made, isLog: true, facts, brokers: replicas, principal: 'User:cart', tool, ...changes }
}
const withPartitions = (found: typeof partitions, brokers: number[], configs = {}) => {
  const { facts } = view(configs)
  return view(configs, { brokers, facts: { ...facts, partitions: found } })
}

const command = (config: string) =>
  `kafka-configs.sh --bootstrap-server k:9092 --alter --topic events --add-config ${config}`
const faulty: Record<string, [TopicView, ...[id: string, mend: string | RegExp][]]> = {
  'min.insync 1': [view({ 'min.insync.replicas': '1' }), ['topic-min-insync', command('min.insync.replicas=2')]],
  compaction: [view({ 'cleanup.policy': 'compact' }), ['topic-cleanup', command('cleanup.policy=delete')]],
  'compaction besides deletion': [
    view({ 'cleanup.policy': 'compact,delete' }),
    ['topic-cleanup', command('cleanup.policy=delete')],
  ],
  'retention by time': [
    view({ 'retention.ms': '604800000' }),
    ['topic-retention', command('retention.ms=-1,retention.bytes=-1')],
  ],
  'retention by size': [
    view({ 'retention.bytes': '1000000' }),
    ['topic-retention', command('retention.ms=-1,retention.bytes=-1')],
  ],
  'parked copies of a day': [view({ 'retention.ms': '86400000' }, { isLog: false }), ['topic-retention', /retention/]],
  'small messages': [view({ 'max.message.bytes': '999' }), ['topic-message-size', command('max.message.bytes=1000')]],
  'unclean elections': [
    view({ 'unclean.leader.election.enable': 'true' }),
    ['topic-unclean-election', command('unclean.leader.election.enable=false')],
  ],
  'a second of the future': [
    view({ 'message.timestamp.after.max.ms': '1000' }),
    ['topic-timestamps', command('message.timestamp.after.max.ms=3600000')],
  ],
  'a broker that is down': [
    withPartitions([partitions[0]!, { leader: -1, replicas, inSync: [1] }], replicas),
    ['topic-in-sync', /broker 2, 3/],
  ],
  'one replica among three brokers': [
    withPartitions(alone, replicas),
    [
      'topic-replicas',
      /"topic":"events","partition":0,"replicas":\[1,2,3\].* && kafka-reassign-partitions\.sh .* --execute$/,
    ],
  ],
}

suite('a topic', () => {
  test('that is as we make it is right, on three brokers and on one', () => {
    for (const one of [view(), withPartitions(alone, [1], { 'min.insync.replicas': '1' })])
      assert.deepEqual(
        findingsOf('events', topicChecks, one).filter(({ verdict }) => verdict !== 'right'),
        [],
      )
    const [sameForPeople] = findingsOf(
      'events',
      topicChecks,
      view({ 'retention.ms': '604800000' }, { isLog: false }),
    ).filter(({ id }) => id === 'topic-retention')
    assert.equal(sameForPeople?.verdict, 'right')
  })

  for (const [name, [faultyView, ...expected]] of Object.entries(faulty))
    test(`each fault is named alone, with what mends it: ${name}`, () => {
      const found = findingsOf('events', topicChecks, faultyView).filter(({ verdict }) => verdict !== 'right')
      assert.deepEqual(
        found.map(({ id, verdict }) => [id, verdict]),
        expected.map(([id]) => [id, 'wrong']),
      )
      for (const [n, [, mend]] of expected.entries())
        if (typeof mend === 'string') assert.equal(found[n]?.mend, mend)
        else assert.match(found[n]?.mend ?? '', mend)
    })

  test('whose settings nobody may read is not called right', () => {
    const { facts } = view()
    const hidden = view({}, { facts: { ...facts, configs: new KafkaForbidden('an ACL is missing') } })
    const found = findingsOf('events', topicChecks, hidden).filter(({ verdict }) => verdict === 'unknown')
    assert.equal(found.length, topicChecks.length - 2)
    for (const { mend } of found)
      assert.match(mend ?? '', /--allow-principal 'User:cart' --operation DescribeConfigs --topic events$/)
  })

  test('that is missing is made as services need it', () => {
    const [found] = findingsOf('events', [topicThere], { made, tool, facts: new TopicMissing('events') })
    assert.equal(found?.verdict, 'wrong')
    assert.match(found?.mend ?? '', /--create --topic events --partitions 2 --config max\.message\.bytes=1000$/)
  })
})
