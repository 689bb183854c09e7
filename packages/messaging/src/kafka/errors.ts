/** Kafka did not answer in time, or could not be reached: what was sent may or may not have arrived. */
export class KafkaUnavailable extends Error {
  override readonly name: string = 'KafkaUnavailable'
}

/** Kafka answered: it does not do this now (a partition without enough replicas, no permission). It may later. */
export class KafkaRefused extends Error {
  override readonly name: string = 'KafkaRefused'
}

/** Kafka answered, and knows no such topic (yet). */
export class TopicMissing extends KafkaRefused {
  override readonly name: string = 'TopicMissing'
  constructor(topic: string) {
    super(`there is no topic ${topic}`)
  }
}

/** The broker takes no batch of this size; for a single record trying again does not help. */
export class RecordTooLarge extends Error {
  override readonly name: string = 'RecordTooLarge'
}
