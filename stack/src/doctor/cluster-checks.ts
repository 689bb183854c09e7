// What must hold of a Kafka cluster, and of what a service may do in it.
import type { ClusterFacts } from '@inorder/messaging/kafka/cluster-facts.ts'
import { KafkaForbidden } from '@inorder/messaging/kafka/errors.ts'
import { leastVersion } from '@inorder/messaging/kafka/fetch-answer.ts'
import { leastFree, room } from './disk.ts'
import { type Check, right, unknown, wrong } from './finding.ts'
import { grant, type KafkaTool } from './kafka-tools.ts'
import { type OwnPart, whereOurs } from './service-checks.ts'

export interface ClusterView {
  facts: ClusterFacts
  principal: string
  tool: KafkaTool
}

export const kafkaReached: Check<{
  facts: ClusterFacts | Error
  brokers: readonly string[]
  ours: readonly OwnPart[]
}> = {
  id: 'kafka-reached',
  title: 'Kafka answers and lets us in',
  why: 'While it does not, orders wait in the outbox and no service hears of them.',
  judge({ facts, brokers, ours }) {
    const asked = brokers.join(',')
    if (facts instanceof Error)
      return wrong(
        `${asked}: ${facts.message}`,
        whereOurs(ours) ?? 'start it, or mend KAFKA_BROKERS, KAFKA_TLS* and KAFKA_SASL* (docs/deploy.md)',
      )
    return right(`cluster ${facts.clusterId}, broker ${facts.brokers.join(', ')}`)
  },
}

export const clusterChecks: readonly Check<ClusterView>[] = [
  {
    id: 'kafka-version',
    title: 'Kafka is 3.1 or later',
    why: 'Older brokers do not name topics by id in their answers, which is how a topic that was made again is noticed (rule 19).',
    judge: ({ facts: { fetchVersion } }) =>
      fetchVersion >= leastVersion
        ? right(`it knows Fetch version ${fetchVersion}`)
        : wrong(`it knows Fetch version ${fetchVersion} at most`, 'upgrade the brokers, one by one'),
  },
  {
    id: 'kafka-disk',
    title: 'the brokers have room',
    why: 'A broker whose disk is full stops, and with it every partition that it leads.',
    judge({ facts: { disks }, principal, tool }) {
      if (disks instanceof Error) return unknown(disks.message, grant(tool, principal, 'Describe', '--cluster'))
      const told = disks.filter(({ usableBytes }) => usableBytes >= 0n)
      if (told.length === 0) return unknown('this Kafka does not say how much room is left: it does from 3.3 on')
      const full = told.filter(({ totalBytes, usableBytes }) => Number(usableBytes) < leastFree(Number(totalBytes)))
      const list = (full.length > 0 ? full : told).map(
        ({ broker, folder, totalBytes, usableBytes }) =>
          `broker ${broker}, ${folder}: ${room(Number(usableBytes), Number(totalBytes))}`,
      )
      return full.length > 0
        ? wrong(list.join('; '), 'df -h there; give it more room, or another folder in log.dirs')
        : right(list.join('; '))
    },
  },
]

/** A line of deploy/kafka/acls.txt. */
export interface Right {
  service: string
  operation: string
  kind: 'topic' | 'group'
  name: string
}

export const readRights = (text: string): Right[] =>
  text
    .trim()
    .split('\n')
    .map((line) => {
      const [service = '', operation = '', kind, name = ''] = line.split(/\s+/)
      return { service, operation, kind: kind as Right['kind'], name }
    })

export const rightsCheck: Check<ClusterView & { rights: readonly Right[] }> = {
  id: 'kafka-rights',
  title: 'it may do what it has to in Kafka',
  why: 'Where one right is missing the service waits, or its events do: Kafka refuses without an end.',
  judge({ rights, facts, principal, tool }) {
    const missing: Right[] = []
    const untold: string[] = []
    for (const right of rights) {
      const allowed = allowedOf(facts, right)
      if (allowed instanceof KafkaForbidden || (!(allowed instanceof Error) && !allowed.has(right.operation)))
        missing.push(right)
      else if (allowed instanceof Error) untold.push(allowed.message)
    }
    const named = (all: readonly Right[]) =>
      all.map(({ operation, kind, name }) => `${operation} on ${kind} ${name}`).join(', ')
    if (missing.length > 0)
      return wrong(
        `${principal} lacks ${named(missing)}`,
        missing.map(({ operation, kind, name }) => grant(tool, principal, operation, `--${kind} ${name}`)).join('\n'),
      )
    return untold.length > 0 ? unknown([...new Set(untold)].join('; ')) : right(`${principal}: ${named(rights)}`)
  },
}

function allowedOf({ topics, groups }: ClusterFacts, { kind, name }: Right): ReadonlySet<string> | Error {
  if (kind === 'group') return groups.get(name) ?? new Error(`nobody asked about group ${name}`)
  const topic = topics.get(name) ?? new Error(`nobody asked about ${name}`)
  return topic instanceof Error ? topic : topic.mayDo
}
