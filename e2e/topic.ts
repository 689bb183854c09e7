// A topic as a plain client sees it: any Kafka client, the registry's HTTP API and an Avro library. Nothing of the product.
import { randomUUID } from 'node:crypto'
import { Admin, Consumer, compatibilityPartitioner, Producer } from '@platformatic/kafka'
import avro from 'avsc'
import { send } from './http.ts'

export interface TopicRecord {
  partition: number
  offset: bigint
  key: Buffer | null
  value: Buffer | null
  headers: Map<string, Buffer>
}

const clientOf = (brokers: string) => ({ clientId: 'e2e', bootstrapBrokers: brokers.split(',') })

/** The names under which the members of a consumer group are known, also those that the broker has not given up yet. */
export async function membersOf(brokers: string, group: string): Promise<(string | null)[]> {
  const admin = new Admin(clientOf(brokers))
  try {
    const { members } = (await admin.describeGroups({ groups: [group] })).get(group)!
    return [...members.values()].map(({ groupInstanceId }) => groupInstanceId ?? null)
  } finally {
    await admin.close()
  }
}

/** Everything in the topic up to its end as it is now; each partition's records in their order. */
export async function readTopic(brokers: string, topic: string): Promise<TopicRecord[]> {
  const consumer = new Consumer({ ...clientOf(brokers), groupId: `e2e-${randomUUID()}` })
  try {
    const ends = (await consumer.listOffsets({ topics: [topic] })).get(topic) ?? []
    const missing = new Map([...ends.entries()].filter(([, end]) => end !== 0n))
    const records: TopicRecord[] = []
    if (missing.size === 0) return records
    const stream = await consumer.consume({
      topics: [topic],
      mode: 'earliest',
      maxWaitTime: 100,
      autocommit: false,
    })
    for await (const { partition, offset, key, value, headers } of stream) {
      const texts = [...headers].map(([name, content]): [string, Buffer] => [name.toString(), content])
      records.push({ partition, offset, key: key ?? null, value: value ?? null, headers: new Map(texts) })
      if (offset + 1n >= (missing.get(partition) ?? 0n)) missing.delete(partition)
      if (missing.size === 0) break
    }
    return records
  } finally {
    await consumer.close(true)
  }
}

/** Puts records into a topic; the key chooses the partition as Java's client does, no key: partition 0. */
export async function produce(
  brokers: string,
  topic: string,
  records: { key?: Buffer; value?: Buffer; headers?: Record<string, string> }[],
): Promise<void> {
  const producer = new Producer({ ...clientOf(brokers), acks: -1, partitioner: compatibilityPartitioner })
  try {
    for (const { key, value, headers = {} } of records) {
      const message = {
        topic,
        ...(key ? { key } : { partition: 0 }),
        ...(value && { value }),
        headers: new Map(Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)])),
      }
      await producer.send({ messages: [message] })
    }
  } finally {
    await producer.close(true)
  }
}

export interface EventInTopic {
  eventId: string
  type: string
  orderId: string
  version: number
  occurredAt: number
  order: { customerId: string; status: string; totalAmount: Buffer; orderDate: number }
  previousStatus: string | null
}

/** By address: an id means another schema in another registry. */
const schemas = new Map<string, avro.Type>()

/** Confluent wire format: a zero byte, the schema's id, the Avro body. */
async function schemaOf(registry: string, value: Buffer): Promise<avro.Type> {
  if (value[0] !== 0) throw new Error('not in Confluent wire format')
  const url = `${registry}/schemas/ids/${value.readUInt32BE(1)}`
  const type = schemas.get(url) ?? avro.Type.forSchema(JSON.parse((await send(url)).json<{ schema: string }>().schema))
  schemas.set(url, type)
  return type
}

/** Reads a record's value through the registry. */
export async function decode(registry: string, value: Buffer | null): Promise<EventInTopic> {
  if (!value) throw new Error('a record without a value')
  const event: EventInTopic = (await schemaOf(registry, value)).fromBuffer(value.subarray(5))
  return event
}

/** The event of a record with some fields changed, as another producer could have written it. */
export async function changedEvent(registry: string, value: Buffer, changed: Partial<EventInTopic>): Promise<Buffer> {
  const event = { ...(await decode(registry, value)), ...changed }
  return Buffer.concat([value.subarray(0, 5), (await schemaOf(registry, value)).toBuffer(event)])
}

/** Every order's events as the log holds them, repeats of an event left out, in their order in the log. */
export async function eventsByOrder(brokers: string, registry: string): Promise<Map<string, EventInTopic[]>> {
  const orders = new Map<string, EventInTopic[]>()
  const seen = new Set<string>()
  for (const { value } of await readTopic(brokers, 'order-events')) {
    const event = await decode(registry, value)
    if (seen.has(event.eventId)) continue
    seen.add(event.eventId)
    const events = orders.get(event.orderId)
    if (events) events.push(event)
    else orders.set(event.orderId, [event])
  }
  return orders
}
