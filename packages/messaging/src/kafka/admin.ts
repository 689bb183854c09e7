import { Admin, ConfigResourceTypes } from '@platformatic/kafka'
import { type Cluster, clientOptions, discard, kafkaError } from './client.ts'
import { within } from './deadline.ts'
import { KafkaRefused } from './errors.ts'

export interface TopicState {
  id: string
  partitions: number
}

export interface NewTopic {
  name: string
  partitions: number
  replicas: number
  configs: Record<string, string>
}

const logEnd = -1n
const logStart = -2n

/** Questions to Kafka. Each ends at its deadline (ms), also when a broker is frozen: KafkaAway, KafkaRefused, TopicMissing. */
export class KafkaAdmin {
  readonly #cluster: Cluster
  readonly #minInSync = new Map<string, number>()
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

  /** Per partition, the offset that the next record gets. */
  ends(name: string, deadlineMs: number): Promise<bigint[]> {
    return this.#ask(name, deadlineMs, (client) => offsets(client, name, logEnd))
  }

  /** Per partition, the first offset that is still there. */
  starts(name: string, deadlineMs: number): Promise<bigint[]> {
    return this.#ask(name, deadlineMs, (client) => offsets(client, name, logStart))
  }

  /** `ready`: the leader of every partition answers, and enough replicas are in sync for it to take a record. */
  probe(name: string, deadlineMs: number): Promise<TopicState & { ready: boolean }> {
    return this.#ask(name, deadlineMs, async (client) => {
      const { id, partitions } = await metadataOf(client, name)
      const leastInSync = Math.min(...partitions.map(({ isr }) => isr.length))
      // What is remembered may have been changed since.
      if (leastInSync < (this.#minInSync.get(name) ?? Number.POSITIVE_INFINITY))
        this.#minInSync.set(name, await minInSyncOf(client, name))
      const needed = this.#minInSync.get(name)!
      // The broker, too, never asks for more than there are.
      const ready = partitions.every(
        ({ leader, isr, replicas }) => leader >= 0 && isr.length >= Math.min(needed, replicas.length),
      )
      if (ready) await offsets(client, name, logEnd, partitions.length)
      return { id, partitions: partitions.length, ready }
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

  async close(): Promise<void> {
    if (this.#client) discard(this.#client)
    this.#client = undefined
  }

  async #ask<T>(topic: string, deadlineMs: number, question: (client: Admin) => Promise<T>): Promise<T> {
    const client = this.#client ?? new Admin(clientOptions(this.#cluster, this.#generation++))
    this.#client = client
    try {
      return await within(deadlineMs, `asking about ${topic}`, question(client))
    } catch (error) {
      const failure = error instanceof KafkaRefused ? error : kafkaError(error, topic)
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

async function offsets(client: Admin, name: string, timestamp: bigint, count?: number): Promise<bigint[]> {
  const length = count ?? (await metadataOf(client, name)).partitionsCount
  const partitions = Array.from({ length }, (_, partitionIndex) => ({ partitionIndex, timestamp }))
  const [topic] = await client.listOffsets({ topics: [{ name, partitions }] })
  return topic!.partitions.sort((a, b) => a.partitionIndex - b.partitionIndex).map(({ offset }) => offset)
}
