/** Kafka did not answer in time, or could not be reached: what was sent may or may not have arrived. */
export class KafkaUnavailable extends Error {
  override readonly name: string = 'KafkaUnavailable'
}

/** Kafka answered: it does not do this now (a partition without enough replicas, no permission). It may later. */
export class KafkaRefused extends Error {
  override readonly name: string = 'KafkaRefused'
}

/** Kafka is there and does not let us in: a wrong password, a certificate that is not trusted. The message names the setting. */
export class KafkaDenied extends KafkaUnavailable {
  override readonly name = 'KafkaDenied'
}

/** Kafka lets us in and not do this: an ACL is missing. The message names it. */
export class KafkaForbidden extends KafkaRefused {
  override readonly name = 'KafkaForbidden'
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

/** Kafka did not answer, or not what it was asked for: it may later. */
export const isKafkaFailure = (error: unknown): error is KafkaUnavailable | KafkaRefused =>
  error instanceof KafkaUnavailable || error instanceof KafkaRefused
