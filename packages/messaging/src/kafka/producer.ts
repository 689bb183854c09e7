import { Producer } from '@platformatic/kafka'
import { attempt, type Cluster, clientOptions, discard, kafkaError, watched, withConnectionError } from './client.ts'
import { within } from './deadline.ts'

export interface ProducerRecord {
  topic: string
  partition: number
  key: Buffer | null
  value: Buffer | null
  headers: Map<Buffer, Buffer>
}

/**
 * Sends one batch at a time: the client reorders when two for a partition are in flight and one is tried again
 * (m0 m2 m3 m1 was seen). Idempotent, acknowledged by all in-sync replicas.
 */
export class SerialProducer {
  readonly #cluster: Cluster
  #client: Producer<Buffer, Buffer, Buffer, Buffer> | undefined
  #generation: number

  /** Producers with other numbers begin with other brokers. */
  constructor(cluster: Cluster, number: number) {
    this.#cluster = cluster
    this.#generation = number
  }

  /**
   * Resolves when Kafka has acknowledged all of them. Rejects with KafkaUnavailable (they may be in the log or get there yet),
   * RecordTooLarge or KafkaRefused (as well, if they are of several partitions); the client is then thrown away.
   */
  send(records: readonly ProducerRecord[], deadlineMs: number): Promise<void> {
    const topics = [...new Set(records.map(({ topic }) => topic))].join()
    return attempt(this.#cluster, `write ${topics}`, () => this.#send(topics, records, deadlineMs))
  }

  async #send(topics: string, records: readonly ProducerRecord[], deadlineMs: number): Promise<void> {
    this.#client ??= watched(new Producer({ ...clientOptions(this.#cluster, this.#generation++), idempotent: true }))
    const client = this.#client
    const messages = records.map(({ key, value, ...record }) => ({
      ...record,
      ...(key && { key }),
      ...(value && { value }),
    }))
    try {
      await within(deadlineMs, `sending to ${topics}`, client.send({ messages }))
    } catch (error) {
      this.close()
      throw kafkaError(withConnectionError(error, client), topics, this.#cluster.access)
    }
  }

  /** At once; a send in flight rejects. */
  close(): void {
    if (this.#client) discard(this.#client)
    this.#client = undefined
  }
}
