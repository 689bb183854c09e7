import { Producer } from '@platformatic/kafka'
import { type Cluster, clientOptions, discard, kafkaError } from './client.ts'
import { within } from './deadline.ts'

export interface ProducerRecord {
  key: Buffer | null
  value: Buffer
  headers: Map<Buffer, Buffer>
}

/**
 * Sends to one partition, one batch at a time: the client reorders when two are in flight and one is tried again
 * (m0 m2 m3 m1 was seen). Idempotent, acknowledged by all in-sync replicas.
 */
export class PartitionProducer {
  readonly #cluster: Cluster
  readonly #topic: string
  readonly #partition: number
  #client: Producer<Buffer, Buffer, Buffer, Buffer> | undefined
  #generation: number

  constructor(cluster: Cluster, topic: string, partition: number) {
    this.#cluster = cluster
    this.#topic = topic
    this.#partition = partition
    this.#generation = partition
  }

  /**
   * Resolves when Kafka has acknowledged all of them. Rejects with KafkaAway (they may be in the log or get there yet),
   * RecordTooLarge or KafkaRefused; the client is then thrown away.
   */
  async send(records: readonly ProducerRecord[], deadlineMs: number): Promise<void> {
    this.#client ??= new Producer({ ...clientOptions(this.#cluster, this.#generation++), idempotent: true })
    const topic = this.#topic
    const partition = this.#partition
    const messages = records.map(({ key, value, headers }) => ({
      topic,
      partition,
      ...(key && { key }),
      value,
      headers,
    }))
    try {
      await within(deadlineMs, `sending to ${topic}`, this.#client.send({ messages }))
    } catch (error) {
      this.close()
      throw kafkaError(error, topic)
    }
  }

  /** At once; a send in flight rejects. */
  close(): void {
    if (this.#client) discard(this.#client)
    this.#client = undefined
  }
}
