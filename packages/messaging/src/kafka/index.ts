// @inorder/messaging/kafka: what is in a topic. README.md explains it; the workspace imports the files themselves.
export { avroCodec } from './avro-codec.ts'
export { type AvroTopic, avroTopic } from './avro-topic.ts'
export { createTopic } from './create-topic.ts'
export { RegistryUnavailable, SchemaRegistry } from './registry.ts'
export { textKey } from './text-key.ts'
export type { KeyCodec, Topic, ValueCodec } from './topic.ts'
