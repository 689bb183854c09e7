// What the topics hold, as AsyncAPI 3: made of the values and the schema that the services themselves use.
import { copyHeaders } from '@inorder/messaging/inbox/parked-copies.ts'
import type { NewTopic } from '@inorder/messaging/kafka/admin.ts'
import { newTopics } from '@inorder/messaging/kafka/create-topic.ts'
import type { Topic } from '@inorder/messaging/kafka/topic.ts'
import { outboxRecord } from '@inorder/messaging/outbox/outbox.ts'

const version = '1'
const keyOf = { type: 'string', minLength: 1, maxLength: 128, description: 'Its events are in order, in one partition' }
const ref = (path: string) => ({ $ref: `#/${path}` })

type Channel = ReturnType<typeof channelOf>
const channelOf = ({ name, partitions, configs }: NewTopic) => ({
  address: name,
  bindings: {
    kafka: {
      topic: name,
      partitions,
      topicConfiguration: {
        'cleanup.policy': [configs['cleanup.policy']],
        'retention.ms': Number(configs['retention.ms']),
        'max.message.bytes': Number(configs['max.message.bytes']),
      },
      bindingVersion: '0.5.0',
    },
  },
})

/** Of a topic of events, and of the topic of the copies of those that a consumer could not apply. */
export function asyncApi<Event>(topic: Topic<Event>, example: Event) {
  const schema = JSON.parse(topic.value.schema)
  const { headers } = outboxRecord(topic, example, { origin: 'cart', requestId: 'r-1', actor: 'shop' })
  const always = outboxRecord(topic, example, { origin: 'cart' })
  const [events, parked] = newTopics(topic).map(channelOf) as [Channel, Channel]
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Events of inorder',
      version,
      description:
        'What a service that follows the orders reads, and what it cannot apply. Any Kafka client can read it.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/avro',
    channels: {
      events: {
        ...events,
        summary: 'Every change of every order, in order, from the first on',
        messages: { event: ref('components/messages/event') },
      },
      parked: {
        ...parked,
        summary: 'Copies of records that a service could not apply, for people and alarms',
        messages: { copy: ref('components/messages/copy'), reference: ref('components/messages/reference') },
      },
    },
    operations: {
      publishEvents: {
        action: 'send',
        channel: ref('channels/events'),
        summary: 'The cart publishes each change that it has accepted, once it is stored',
        messages: [ref('channels/events/messages/event')],
      },
      copyParked: {
        action: 'send',
        channel: ref('channels/parked'),
        summary: 'A consumer publishes a copy of each record that holds a key up, or is a conflict',
        messages: [ref('channels/parked/messages/copy'), ref('channels/parked/messages/reference')],
      },
    },
    components: {
      messages: {
        event: {
          name: schema.name,
          title: 'A change, with the whole after it',
          summary: `Subject ${topic.subject} of the schema registry; headers are those of CloudEvents in binary mode`,
          contentType: 'application/avro',
          headers: {
            type: 'object',
            properties: Object.fromEntries(
              Object.entries(headers).map(([name, value]) => [name, { type: 'string', examples: [String(value)] }]),
            ),
            required: Object.keys(always.headers),
          },
          payload: {
            schemaFormat: 'application/vnd.apache.avro+json;version=1.9.0',
            schema,
          },
          bindings: {
            kafka: {
              key: keyOf,
              schemaIdLocation: 'payload',
              schemaIdPayloadEncoding: 'confluent',
              bindingVersion: '0.5.0',
            },
          },
        },
        copy: {
          name: 'ParkedCopy',
          title: 'The bytes and headers of the record, as they came',
          headers: copyHeadersSchema(['service', 'cause', 'detail', 'source']),
          bindings: { kafka: { key: keyOf, bindingVersion: '0.5.0' } },
        },
        reference: {
          name: 'ParkedReference',
          title: 'Where a record stands that is too large to be copied',
          contentType: 'application/json',
          headers: copyHeadersSchema(['service', 'cause', 'detail', 'source', 'reference']),
          payload: {
            type: 'object',
            properties: {
              source: { type: 'string', description: 'topicId/partition/offset' },
              bytes: {
                type: 'integer',
                description: 'Length of its key and value, or of the batch that cannot be read',
              },
              sha256: { type: 'string', description: 'Digest of the same, in hex' },
            },
            required: ['source', 'bytes', 'sha256'],
          },
          bindings: { kafka: { key: keyOf, bindingVersion: '0.5.0' } },
        },
      },
    },
  }
}

const copyHeaderIs: Record<keyof typeof copyHeaders, string> = {
  service: 'Whose consumer group could not apply the record',
  cause: 'Why, in a word',
  detail: 'Why, for a person',
  source: 'topicId/partition/offset of the record',
  reference: 'Why the value is a reference',
}

const copyHeadersSchema = (names: (keyof typeof copyHeaders)[]) => ({
  type: 'object',
  properties: Object.fromEntries(
    names.map((name) => [copyHeaders[name], { type: 'string', description: copyHeaderIs[name] }]),
  ),
  required: names.map((name) => copyHeaders[name]),
})

export type AsyncApi = ReturnType<typeof asyncApi>
