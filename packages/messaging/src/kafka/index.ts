// The package's front door to Kafka and the schema registry; see README.md. Nothing in the workspace imports it.
export { KafkaAdmin, type NewTopic } from './admin.ts'
export { KafkaAway, KafkaRefused, TopicMissing } from './errors.ts'
export { RegistryAway, SchemaRegistry } from './registry.ts'
export type { KeyCodec, Topic, ValueCodec } from './topic.ts'
