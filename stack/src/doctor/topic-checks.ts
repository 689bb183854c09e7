// What must hold of a topic. Each check looks at what was read and says what it thinks of it.
import type { NewTopic } from '@inorder/messaging/kafka/admin.ts'
import type { Told, TopicFacts } from '@inorder/messaging/kafka/cluster-facts.ts'
import { TopicMissing } from '@inorder/messaging/kafka/errors.ts'
import { type Check, type Opinion, right, unknown, wrong } from './finding.ts'
import { grant, type KafkaTool, setConfig } from './kafka-tools.ts'

export interface TopicView {
  /** As we make it. */
  made: NewTopic
  /** Services read it from its first record on; the other one is for people. */
  isLog: boolean
  facts: TopicFacts
  /** Ids of the cluster's brokers. */
  brokers: readonly number[]
  principal: string
  tool: KafkaTool
}

type Configs = (name: string) => string
const enoughReplicas = 3
const day = 86_400_000
/** Somebody has to look at a parked copy before it goes. */
const leastParkedMs = 7 * day
/** Clocks of two machines may differ by this much. */
const leastTimestampMs = 60_000

export const topicThere: Check<Pick<TopicView, 'made' | 'tool'> & { facts: Told<TopicFacts> }> = {
  id: 'topic-exists',
  title: 'the topic is there',
  why: 'Without it no event goes out: the cart answers 202 and its outbox grows.',
  judge({ made, facts, tool }) {
    if (facts instanceof TopicMissing) {
      const { name, partitions, configs } = made
      const settings = Object.entries(configs).map(([key, value]) => `--config ${key}=${value}`)
      return wrong(
        facts.message,
        tool('kafka-topics', `--create --topic ${name} --partitions ${partitions}`, ...settings),
      )
    }
    return facts instanceof Error ? unknown(facts.message) : right(`${facts.partitions.length} partitions`)
  },
}

export const topicChecks: readonly Check<TopicView>[] = [
  {
    id: 'topic-replicas',
    title: 'each partition is on three brokers',
    why: 'With fewer, losing one or two brokers loses acknowledged events or stops publishing.',
    judge({ facts, made, brokers, tool }) {
      const replicas = fewestReplicas(facts)
      if (brokers.length < enoughReplicas)
        return right(
          `${replicas} with ${brokers.length} broker${brokers.length === 1 ? ': its disk is the only copy' : 's'}`,
        )
      if (replicas >= enoughReplicas) return right(`${replicas}`)
      const partitions = facts.partitions.map((partition, n) => ({
        topic: made.name,
        partition: n,
        replicas: [...new Set([...partition.replicas, ...rotated(brokers, n)])].slice(0, enoughReplicas),
      }))
      const file = `${made.name}.json`
      return wrong(
        `${replicas}, and there are ${brokers.length} brokers`,
        `echo '${JSON.stringify({ version: 1, partitions })}' > ${file} && ${tool('kafka-reassign-partitions', '--reassignment-json-file', file, '--execute')}`,
      )
    },
  },
  {
    id: 'topic-in-sync',
    title: 'all replicas are in sync',
    why: 'A replica that lags or is gone is one loss less that the topic can bear.',
    judge({ facts: { partitions } }) {
      const headless = partitions.flatMap(({ leader }, n) => (leader < 0 ? [n] : []))
      const lacking = [
        ...new Set(partitions.flatMap(({ replicas, inSync }) => replicas.filter((id) => !inSync.includes(id)))),
      ]
      if (headless.length === 0 && lacking.length === 0) return right('they are')
      const leaders = headless.length > 0 ? `no leader of partition ${headless.join(', ')}; ` : ''
      return wrong(
        `${leaders}out of sync: broker ${lacking.join(', ')}`,
        `start broker ${lacking.join(', ')}, or look in its log why it lags`,
      )
    },
  },
  ofConfigs({
    id: 'topic-min-insync',
    title: 'min.insync.replicas is 2 or more',
    why: 'The relay waits for all replicas in sync (acks=all): with 1 that may be the leader alone, and its disk loses what was answered 201.',
    judge(config, { facts, made, tool }) {
      const least = config('min.insync.replicas')
      const replicas = fewestReplicas(facts)
      if (replicas === 1) return right(`${least}, with one replica: acks=all waits for the only copy there is`)
      if (Number(least) >= 2) return right(`${least} of ${replicas} replicas, and the relay sends with acks=all`)
      return wrong(`${least}, with ${replicas} replicas`, setConfig(tool, made.name, 'min.insync.replicas=2'))
    },
  }),
  ofConfigs({
    id: 'topic-unclean-election',
    title: 'no leader without all acknowledged records',
    why: 'An unclean election makes a replica the leader that lacks acknowledged events: they are gone from the log.',
    judge: (config, { made, tool }) => {
      const name = 'unclean.leader.election.enable'
      return config(name) === 'false'
        ? right(`${name}=false`)
        : wrong(`${name}=${config(name)}`, setConfig(tool, made.name, `${name}=false`))
    },
  }),
  ofConfigs({
    id: 'topic-cleanup',
    title: 'cleanup.policy is delete',
    why: 'Compaction keeps the newest event of an order and drops those before it: who reads later waits for versions that never come.',
    judge: (config, { made, tool }) => {
      const policy = config('cleanup.policy')
      return policy === 'delete' ? right(policy) : wrong(policy, setConfig(tool, made.name, 'cleanup.policy=delete'))
    },
  }),
  ofConfigs({
    id: 'topic-retention',
    title: 'records are kept long enough',
    why: 'Services read the log from their positions, new and restored ones from its first record, and the cart recovers from it (rules 12 and 19): what Kafka has deleted by then is lost to them. Parked copies wait for somebody who looks at them.',
    judge(config, { made, isLog, tool }) {
      const [ms, bytes] = [config('retention.ms'), config('retention.bytes')]
      const found = `retention.ms=${ms}, retention.bytes=${bytes}`
      const isLong = ms === '-1' || (!isLog && Number(ms) >= leastParkedMs)
      if (isLong && bytes === '-1') return right(found)
      const bound = isLog ? 'it must keep everything' : `it must keep ${leastParkedMs / day} days`
      return wrong(`${found}: ${bound}`, setConfig(tool, made.name, 'retention.ms=-1,retention.bytes=-1'))
    },
  }),
  ofConfigs({
    id: 'topic-message-size',
    title: 'max.message.bytes is what services send at most',
    why: 'An event that is larger is set aside, and holds up its order until somebody raises the limit.',
    judge(config, { made, tool }) {
      const name = 'max.message.bytes'
      const [found, needed] = [Number(config(name)), Number(made.configs[name])]
      if (found >= needed) return right(`${found}, and ${needed} are needed`)
      return wrong(`${found}, and ${needed} are needed`, setConfig(tool, made.name, `${name}=${needed}`))
    },
  }),
  ofConfigs({
    id: 'topic-timestamps',
    title: 'a clock that is a little off is not refused',
    why: 'Kafka refuses records whose time is further from its own than the topic allows, for as long as the clocks differ.',
    judge(config, { made, tool }) {
      const names = ['message.timestamp.before.max.ms', 'message.timestamp.after.max.ms']
      const type = config('message.timestamp.type')
      // A broker before 3.6 knows one setting for both, whose default allows everything.
      const narrow = names.filter((name) => config(name) !== '' && Number(config(name)) < leastTimestampMs)
      if (type === 'LogAppendTime' || narrow.length === 0) return right(`message.timestamp.type=${type}`)
      const mended = narrow.map((name) => `${name}=${3_600_000}`).join(',')
      return wrong(narrow.map((name) => `${name}=${config(name)}`).join(', '), setConfig(tool, made.name, mended))
    },
  }),
]

function ofConfigs(
  check: Omit<Check<TopicView>, 'judge'> & { judge(config: Configs, view: TopicView): Opinion },
): Check<TopicView> {
  return {
    ...check,
    judge(view) {
      const { facts, made, principal, tool } = view
      const { configs } = facts
      if (configs instanceof Error)
        return unknown(configs.message, grant(tool, principal, 'DescribeConfigs', `--topic ${made.name}`))
      return check.judge((name) => configs.get(name) ?? '', view)
    },
  }
}

const fewestReplicas = ({ partitions }: TopicFacts): number =>
  Math.min(...partitions.map(({ replicas }) => replicas.length))

const rotated = (ids: readonly number[], by: number) => ids.map((_, n) => ids[(n + by) % ids.length]!)
