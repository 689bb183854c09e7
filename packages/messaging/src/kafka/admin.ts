import { Admin, ConfigResourceTypes } from '@platformatic/kafka'
import { attempt, type Cluster, clientOptions, discard, kafkaError, watched, withConnectionError } from './client.ts'
import { within } from './deadline.ts'
import { KafkaRefused } from './errors.ts'

interface TopicState {
  id: string
  partitions: number
}

export interface TopicLog {
  id: string
  starts: bigint[]
  ends: bigint[]
}

export interface NewTopic {
  name: string
  partitions: number
  replicas: number
  configs: Record<string, string>
}

type NewPartitions = Parameters<Admin['createPartitions']>[0]['topics'][number]

const logEnd = -1n
const logStart = -2n

/** Questions to Kafka. Each ends at its deadline (ms), also when a broker is frozen: KafkaUnavailable, KafkaRefused, TopicMissing. */
export class KafkaAdmin {
  readonly #cluster: Cluster
  #client: Admin | undefined
  #generation = 0

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  topic(name: string, deadlineMs: number): Promise<TopicState> {
    return this.#ask(name, deadlineMs, async (client) => {
      const { id, partitionsCount } = await metadataOf(client, name)
      return { id, partitions: partitionsCount }
    })
  }

  /** The addresses of the brokers that are up, as they tell clients of them. */
  brokers(deadlineMs: number): Promise<string[]> {
    return this.#ask('the brokers', deadlineMs, async (client) => {
      const { brokers } = await client.metadata({ topics: [], forceUpdate: true })
      return [...brokers.values()].map(({ host, port }) => `${host}:${port}`)
    })
  }

  /** The topic's id, and per partition the offset that the next record gets. */
  ends(name: string, deadlineMs: number): Promise<Pick<TopicLog, 'id' | 'ends'>> {
    return this.#ask(name, deadlineMs, (client) =>
      ofOneTopic(client, name, async ({ id, partitionsCount }) => ({
        id,
        ends: await offsets(client, name, logEnd, partitionsCount),
      })),
    )
  }

  /** The topic's id, and per partition the first offset that is still there and the one that the next record gets. */
  log(name: string, deadlineMs: number): Promise<TopicLog> {
    return this.#ask(name, deadlineMs, (client) =>
      ofOneTopic(client, name, async ({ id, partitionsCount }) => {
        const starts = await offsets(client, name, logStart, partitionsCount)
        return { id, starts, ends: await offsets(client, name, logEnd, partitionsCount) }
      }),
    )
  }

  /** `ready`: the leader of every partition answers, and enough replicas are in sync for it to take a record. */
  probe(name: string, deadlineMs: number): Promise<TopicState & { ready: boolean; ends: bigint[] }> {
    return this.#ask(name, deadlineMs, async (client) => {
      const { id, partitions } = await metadataOf(client, name)
      // The broker never asks for more replicas than there are: with all in sync there are enough.
      const lagging = partitions.filter(({ isr, replicas }) => isr.length < replicas.length)
      const needed = lagging.length > 0 ? await minInSyncOf(client, name) : 0
      const ready =
        partitions.every(({ leader }) => leader >= 0) &&
        lagging.every(({ isr, replicas }) => isr.length >= Math.min(needed, replicas.length))
      const ends = ready ? await offsets(client, name, logEnd, partitions.length) : []
      return { id, partitions: partitions.length, ready, ends }
    })
  }

  /** Makes the topics that are not there yet; the others stay as they are. */
  createTopics(topics: readonly NewTopic[], deadlineMs: number): Promise<void> {
    const names = topics.map(({ name }) => name).join(', ')
    return this.#ask(names, deadlineMs, async (client) => {
      const there = new Set(await client.listTopics({}))
      for (const { name, partitions, replicas, configs } of topics) {
        if (there.has(name)) continue
        const settings = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
        await client
          .createTopics({ topics: [name], partitions, replicas, configs: settings })
          .catch(async (error: unknown) => {
            // Somebody else has made it meanwhile.
            if (!(await client.listTopics({})).includes(name)) throw error
          })
      }
    })
  }

  /** How many partitions the topic shall have. */
  addPartitions(name: string, count: number, deadlineMs: number): Promise<void> {
    return this.#ask(name, deadlineMs, (client) =>
      // None given: Kafka spreads them itself. The client's type demands some.
      client.createPartitions({ topics: [{ name, count } as NewPartitions] }),
    )
  }

  /** By consumer group that has ever committed an offset of the topic: the records that it has not committed yet. */
  lags(name: string, deadlineMs: number): Promise<Map<string, bigint>> {
    return this.#ask(name, deadlineMs, async (client) => {
      const starts = await offsets(client, name, logStart)
      const ends = await offsets(client, name, logEnd)
      const names = [...(await client.listGroups({})).keys()]
      const groups = names.length > 0 ? await client.listConsumerGroupOffsets({ groups: names }) : []
      const lags = new Map<string, bigint>()
      for (const { groupId, topics } of groups) {
        const partitions = topics.find((topic) => topic.name === name)?.partitions
        if (!partitions?.some(({ committedOffset }) => committedOffset >= 0n)) continue
        const committed = new Map(partitions.map((row) => [row.partitionIndex, row.committedOffset]))
        const behind = ends.map((end, partition) => {
          const next = committed.get(partition) ?? -1n
          return end - (next >= 0n ? next : starts[partition]!)
        })
        lags.set(
          groupId,
          behind.reduce((sum, lag) => sum + (lag > 0n ? lag : 0n), 0n),
        )
      }
      return lags
    })
  }

  /** By partition, the client id of the group's member that has it; none of those that are being shared out anew. */
  owners(group: string, topic: string, deadlineMs: number): Promise<Map<number, string>> {
    return this.#ask(`the group ${group}`, deadlineMs, async (client) => {
      const members = [...((await client.describeGroups({ groups: [group] })).get(group)?.members.values() ?? [])]
      return new Map(
        members.flatMap(({ clientId, assignments }) =>
          (assignments?.get(topic)?.partitions ?? []).map((partition) => [partition, clientId] as const),
        ),
      )
    })
  }

  async close(): Promise<void> {
    if (this.#client) discard(this.#client)
    this.#client = undefined
  }

  #ask<T>(topic: string, deadlineMs: number, question: (client: Admin) => Promise<T>): Promise<T> {
    return attempt(this.#cluster, `ask about ${topic}`, () => this.#askOnce(topic, deadlineMs, question))
  }

  async #askOnce<T>(topic: string, deadlineMs: number, question: (client: Admin) => Promise<T>): Promise<T> {
    const client = this.#client ?? watched(new Admin(clientOptions(this.#cluster, this.#generation++)))
    this.#client = client
    try {
      return await within(deadlineMs, `asking about ${topic}`, question(client))
    } catch (error) {
      const { access } = this.#cluster
      const failure =
        error instanceof KafkaRefused ? error : kafkaError(withConnectionError(error, client), topic, access)
      // Where Kafka answered, the client is good; other questions may share it.
      if (failure instanceof KafkaRefused) throw failure
      if (this.#client === client) this.#client = undefined
      discard(client)
      throw failure
    }
  }
}

async function minInSyncOf(client: Admin, name: string): Promise<number> {
  const topic = { resourceType: ConfigResourceTypes.TOPIC, resourceName: name }
  const [answer] = await client.describeConfigs({
    resources: [{ ...topic, configurationKeys: ['min.insync.replicas'] }],
  })
  return Number(answer?.configs[0]?.value ?? 1)
}

async function metadataOf(client: Admin, name: string) {
  const { topics } = await client.metadata({ topics: [name], forceUpdate: true })
  return topics.get(name)!
}

/** Offsets are asked for by the topic's name: those of a topic that was made again meanwhile are not this one's. */
async function ofOneTopic<T>(
  client: Admin,
  name: string,
  question: (topic: Awaited<ReturnType<typeof metadataOf>>) => Promise<T>,
): Promise<T> {
  const topic = await metadataOf(client, name)
  const answer = await question(topic)
  return (await metadataOf(client, name)).id === topic.id ? answer : ofOneTopic(client, name, question)
}

async function offsets(client: Admin, name: string, timestamp: bigint, count?: number): Promise<bigint[]> {
  const length = count ?? (await metadataOf(client, name)).partitionsCount
  const partitions = Array.from({ length }, (_, partitionIndex) => ({ partitionIndex, timestamp }))
  const [topic] = await client.listOffsets({ topics: [{ name, partitions }] })
  return topic!.partitions.sort((a, b) => a.partitionIndex - b.partitionIndex).map(({ offset }) => offset)
}
