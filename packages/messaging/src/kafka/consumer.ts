import { denialOf } from './access-denied.ts'
import { accessOptions, attempt, type Cluster, clientMetrics, discard, watched, withConnectionError } from './client.ts'
import { within } from './deadline.ts'
import { TopicMissing } from './errors.ts'
import { LogConsumer } from './log-consumer.ts'
import { RecordStream, type Stream } from './record-stream.ts'

interface TopicConsumerOptions extends Cluster {
  group: string
  /** Static membership: who comes back under this name takes its partitions over at once. No two at a time may have it. */
  groupInstanceId?: string | undefined
  topic: string
  /** What the client reports on the side, and what fails while something is given up. */
  onTrouble(error: unknown): void
}

const settings = {
  // A killed instance's partitions move after this; less than 6 s is refused by a broker with default settings.
  sessionTimeout: 6_000,
  rebalanceTimeout: 10_000,
  heartbeatInterval: 1_000,
  // Longer than a join may block at the broker, or the client would cut each slow rebalance.
  requestTimeout: 12_000,
  connectTimeout: 2_000,
  retries: 5,
  retryDelay: 300,
  autocommit: false,
}
const joinDeadlineMs = 15_000
const callDeadlineMs = 3_000
const closeDeadlineMs = 1_500

/** A member of a consumer group that reads one topic. */
export class TopicConsumer {
  readonly #options: TopicConsumerOptions
  #consumer: LogConsumer | undefined
  #stream: RecordStream | undefined

  constructor(options: TopicConsumerOptions) {
    this.#options = options
  }

  /**
   * Joins the group (again) and reads from its committed offsets. The same member is used as long as it can join: for a
   * new one the group would have to wait until the broker has given up the old.
   */
  open(): Promise<RecordStream> {
    const { topic, group, access } = this.#options
    return attempt(this.#options, `read ${topic}`, async () => {
      this.#consumer ??= this.#create()
      const consumer = this.#consumer
      try {
        return await this.#open(consumer)
      } catch (error) {
        const why = withConnectionError(error, consumer)
        throw denialOf(why, `reading ${topic} in the group ${group}`, access?.login ?? 'the client') ?? error
      }
    })
  }

  async #open(consumer: LogConsumer): Promise<RecordStream> {
    const { topic } = this.#options
    const { topics } = await within(
      callDeadlineMs,
      'metadata',
      consumer.metadata({ topics: [topic], forceUpdate: true }),
    )
    const found = topics.get(topic)
    if (!found?.id) throw new TopicMissing(topic)
    try {
      this.#stream = new RecordStream(
        topic,
        found.id,
        found.partitionsCount,
        consumer,
        await within(joinDeadlineMs, 'joining', this.#consume(consumer)),
      )
      return this.#stream
    } catch (error) {
      this.close().catch(this.#options.onTrouble)
      throw error
    }
  }

  #consume(consumer: LogConsumer): Promise<Stream> {
    const { topic, onTrouble } = this.#options
    const options = {
      topics: [topic],
      mode: 'committed' as const,
      fallbackMode: 'earliest' as const,
      // The client counts its buffer in records, whatever their size: it fetches again when this much is taken, so
      // memory holds one fetch and not more.
      highWaterMark: 1,
      maxBytes: 1024 * 1024,
      maxBytesPerPartition: 600 * 1024,
      // A partition that is assigned while a fetch waits at the same broker is read after it.
      maxWaitTime: 250,
    }
    return new Promise((resolve, reject) =>
      consumer.consume(options, (error, stream) => {
        if (error || !stream) return reject(error)
        // It may fail before anybody has it, and when nobody takes it any more: an error without a listener ends the process.
        stream.on('error', onTrouble)
        resolve(stream)
      }),
    )
  }

  /** What the group would start from, were it not for the positions in the database; and what lag tools show. */
  async commit(next: ReadonlyMap<number, bigint>): Promise<void> {
    const { topic } = this.#options
    // In the middle of a rebalance the client would answer the refused commit with a join of its own.
    if (!this.#member().isActive()) throw new Error('not in the group at the moment')
    const offsets = [...next].map(([partition, offset]) => ({ topic, partition, offset, leaderEpoch: -1 }))
    await within(callDeadlineMs, 'committing offsets', this.#member().commit({ offsets }))
  }

  async close(): Promise<void> {
    const consumer = this.#consumer
    this.#consumer = undefined
    if (!consumer) return
    try {
      await within(closeDeadlineMs, 'leaving the group', consumer.close(true))
    } catch (error) {
      discard(consumer)
      throw error
    }
  }

  #member(): LogConsumer {
    if (!this.#consumer) throw new Error('not a member of the group')
    return this.#consumer
  }

  #create(): LogConsumer {
    const { brokers, group, clientId, groupInstanceId, access, metrics, onTrouble } = this.#options
    const options = {
      ...settings,
      ...accessOptions(brokers, access),
      ...clientMetrics(metrics),
      bootstrapBrokers: [...brokers],
      groupId: group,
      clientId,
      ...(groupInstanceId && { groupInstanceId }),
    }
    const consumer = watched(new LogConsumer(options))
    // The client says so when it could not join again after a rebalance; it then sends no heartbeats any more.
    consumer.on('error', (error: Error) => {
      onTrouble(error)
      if (this.#consumer === consumer) this.#stream?.fail(error)
    })
    return consumer
  }
}
