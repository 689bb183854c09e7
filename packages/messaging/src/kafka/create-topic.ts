import { KafkaAdmin, type NewTopic } from './admin.ts'
import type { Cluster } from './client.ts'
import type { SchemaRegistry } from './registry.ts'
import type { Topic } from './topic.ts'

const deadlineMs = 10_000
/** The broker's own limit, said explicitly because the parked topic's is derived from it. */
const largestBatch = 1_048_588
/** A parked copy carries headers that say where it came from. */
const parkedHeaders = 65_536

/** A topic and that of its parked copies, as they are to be made. Both keep everything: a new service begins with the first event. */
export const newTopics = ({
  name,
  parkedName,
  partitions,
}: Pick<Topic<unknown>, 'name' | 'parkedName' | 'partitions'>): NewTopic[] =>
  [
    { name, bytes: largestBatch },
    { name: parkedName, bytes: largestBatch + parkedHeaders },
  ].map(({ name, bytes }) => ({
    name,
    partitions,
    // The cluster's own default: 1 with a single broker, more with several.
    replicas: -1,
    configs: { 'retention.ms': '-1', 'cleanup.policy': 'delete', 'max.message.bytes': String(bytes) },
  }))

/** Registers a topic's schema, so that every later one of its subject can be read with every earlier, and the other way round. */
export async function registerSchema<Event>(
  { subject, value }: Topic<Event>,
  registry: Pick<SchemaRegistry, 'demandFullCompatibility' | 'idOf'>,
): Promise<void> {
  await registry.demandFullCompatibility(subject)
  await registry.idOf(subject, value.schema)
}

/** Makes what is missing of a topic: itself, that of its parked copies, its schema. What is there is left as it is. */
export async function createTopic<Event>(
  topic: Topic<Event>,
  { brokers, access, registry }: Omit<Cluster, 'clientId'> & { registry: SchemaRegistry },
): Promise<void> {
  const admin = new KafkaAdmin({ brokers, access, clientId: 'create-topic' })
  try {
    await admin.createTopics(newTopics(topic), deadlineMs)
  } finally {
    await admin.close()
  }
  await registerSchema(topic, registry)
}
