// What a cluster says of itself, for whoever checks that it can keep what the services promise. It is only asked.
import {
  AclOperations,
  Admin,
  type API,
  ConfigResourceTypes,
  kGetApi,
  kGetBootstrapConnection,
  type metadataV12,
} from '@platformatic/kafka'
import { type Cluster, clientOptions, discard, kafkaError, watched, withConnectionError } from './client.ts'
import { within } from './deadline.ts'
import { KafkaDenied, KafkaUnavailable } from './errors.ts'

/** An answer, or why there is none. */
export type Told<T> = T | Error

export interface TopicFacts {
  id: string
  /** In their order. `leader` is -1 where there is none. */
  partitions: { leader: number; replicas: number[]; inSync: number[] }[]
  /** What this user may do with it, in the words of the ACLs: `Read`, `DescribeConfigs`. */
  mayDo: Told<ReadonlySet<string>>
  configs: Told<ReadonlyMap<string, string>>
}

interface Disk {
  broker: number
  folder: string
  /** -1: the broker does not say. */
  totalBytes: bigint
  usableBytes: bigint
}

export interface ClusterFacts {
  clusterId: string
  /** Their ids. */
  brokers: number[]
  /** The newest form of a Fetch that the broker knows. */
  fetchVersion: number
  topics: ReadonlyMap<string, Told<TopicFacts>>
  /** What this user may do with a consumer group. */
  groups: ReadonlyMap<string, Told<ReadonlySet<string>>>
  disks: Told<Disk[]>
}

type Metadata = metadataV12.MetadataResponse
type MetadataCall = API<[topics: string[], create: boolean, operations: boolean], Metadata>
type Ask = <T>(what: string, question: Promise<T>) => Promise<T>

/** `topics`, `groups`: those that are asked about. Throws KafkaUnavailable or KafkaDenied where no broker answers. */
export async function readCluster(
  cluster: Cluster,
  wanted: { topics: readonly string[]; groups: readonly string[] },
  deadlineMs: number,
): Promise<ClusterFacts> {
  // One that takes the connection and says nothing must not hide the others.
  for (let n = 0; ; n++) {
    const client = watched(new AskingAdmin(clientOptions(cluster, n)))
    const ask: Ask = async (what, question) => {
      try {
        return await within(deadlineMs, `asking about ${what}`, question)
      } catch (error) {
        throw kafkaError(withConnectionError(error, client), what, cluster.access)
      }
    }
    try {
      return await factsOf(client, ask, wanted)
    } catch (error) {
      const isSilent = error instanceof KafkaUnavailable && !(error instanceof KafkaDenied)
      if (!isSilent || n + 1 >= cluster.brokers.length) throw error
    } finally {
      discard(client)
    }
  }
}

async function factsOf(
  client: AskingAdmin,
  ask: Ask,
  { topics, groups }: { topics: readonly string[]; groups: readonly string[] },
): Promise<ClusterFacts> {
  const { clusterId, brokers } = await ask('the cluster', client.describe([]))
  const apis = await ask('the cluster', client.listApis())
  const told = async <T>(names: readonly string[], read: (name: string) => Promise<T>) =>
    new Map(await Promise.all(names.map(async (name) => [name, await orWhy(read(name))] as const)))
  return {
    clusterId: clusterId ?? '',
    brokers: brokers.map(({ nodeId }) => nodeId).sort((a, b) => a - b),
    fetchVersion: apis.find(({ name }) => name === 'Fetch')?.maxVersion ?? 0,
    topics: await told(topics, (name) => topicFacts(client, ask, name)),
    groups: await told(groups, async (group) => {
      const question = client.describeGroups({ groups: [group], includeAuthorizedOperations: true })
      const described = await ask(`group ${group}`, question)
      return operationsIn(described.get(group)?.authorizedOperations ?? noneTold)
    }),
    disks: await orWhy(ask('the disks of the brokers', disksOf(client, topics[0] ?? ''))),
  }
}

const orWhy = <T>(answer: Promise<T>): Promise<Told<T>> => answer.catch((error: Error) => error)

async function topicFacts(client: AskingAdmin, ask: Ask, name: string): Promise<TopicFacts> {
  const topic = { resourceType: ConfigResourceTypes.TOPIC, resourceName: name }
  const [{ topics }, configs] = await Promise.all([
    ask(name, client.describe([name])),
    orWhy(ask(name, client.describeConfigs({ resources: [topic] }))),
  ])
  const { topicId, partitions, topicAuthorizedOperations } = topics[0]!
  return {
    id: topicId,
    partitions: partitions
      .sort((a, b) => a.partitionIndex - b.partitionIndex)
      .map(({ leaderId, replicaNodes, isrNodes }) => ({ leader: leaderId, replicas: replicaNodes, inSync: isrNodes })),
    mayDo: await orWhy(Promise.resolve().then(() => operationsIn(topicAuthorizedOperations))),
    configs:
      configs instanceof Error
        ? configs
        : new Map(configs.flatMap((one) => one.configs.map(({ name, value }) => [name, value ?? ''] as const))),
  }
}

const disksOf = async (client: Admin, topic: string): Promise<Disk[]> =>
  // Without a topic the client asks nothing; the disks are told whichever it is.
  (await client.describeLogDirs({ topics: [{ name: topic, partitions: [0] }] })).flatMap(({ broker, results }) =>
    results.map(({ logDir, totalBytes, usableBytes }) => ({ broker, folder: logDir, totalBytes, usableBytes })),
  )

/** What a broker says that was not asked for them, or does not know them. */
const noneTold = -2_147_483_648

function operationsIn(bits: number): ReadonlySet<string> {
  if (bits === noneTold) throw new Error('this Kafka does not say what its user may do')
  const held = Object.entries(AclOperations).filter(([, code]) => bits & (1 << code))
  const inAcls = (word: string) => word.slice(0, 1) + word.slice(1).toLowerCase()
  return new Set(held.map(([name]) => name.split('_').map(inAcls).join('')))
}

/** The client's own metadata neither names what a user may do, nor keeps from making topics. */
class AskingAdmin extends Admin {
  describe(topics: string[]): Promise<Metadata> {
    return new Promise((resolve, reject) => {
      this[kGetBootstrapConnection]((error, connection) => {
        if (error) return reject(error)
        this[kGetApi]('Metadata', (error, api) => {
          if (error) return reject(error)
          const call = api as unknown as MetadataCall
          call(connection!, topics, false, true, (error, answer) => {
            const seen = answer ?? (error as { response?: Metadata } | null)?.response
            // A partition without a leader is an answer too.
            if (seen?.topics.every(({ errorCode }) => errorCode === 0)) resolve(seen)
            else reject(error)
          })
        })
      })
    })
  }
}
