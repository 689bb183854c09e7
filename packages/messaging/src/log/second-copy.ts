import { setTimeout as pause } from 'node:timers/promises'
import type { Topic } from '@inorder/contracts/topic.ts'
import { sqlFault, type Tx, transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import { Decoder } from '../inbox/decode.ts'
import { KafkaAdmin, type TopicLog } from '../kafka/admin.ts'
import { KafkaAway, KafkaRefused } from '../kafka/errors.ts'
import { readLog } from '../kafka/log-reader.ts'
import { RegistryAway, type SchemaRegistry } from '../registry.ts'
import { tellIfReplaced } from './replaced.ts'
import { isSameRun, readPublished, rememberRun, savePublished } from './store.ts'

export interface Adopted {
  /** Orders that the log knew better. */
  orders: number
  /** Events of the outbox that contradict the log, and are not published. */
  dropped: readonly string[]
}

export interface SecondCopyOptions<Event> {
  pool: Pool
  /** Of the same database, with a long deadline. */
  maintenance: Pool
  brokers: readonly string[]
  registry: Pick<SchemaRegistry, 'schemaOf'>
  topic: Topic<Event>
  /** This process, `cart-2`. */
  instance: string
  logger: Logger
  /** Takes over from these events, which are in the order of each partition, what the database lacks. */
  adopt(tx: Tx, events: readonly Event[]): Promise<Adopted>
}

/** What whoever publishes has to know of it. */
export interface ComparedLog {
  readonly topicName: string
  /** Compares the database with what the log holds above its positions; cheap where that is nothing. */
  catchUp(): Promise<void>
  /** Everything in the log below these ends was published from this database. Called by whoever publishes, and caught up. */
  published(log: Pick<TopicLog, 'id' | 'ends'>): Promise<void>
}

const deadlineMs = 1_500
const againMs = 1_000

/** Rule 12: the log is a producer's second copy. One whose database was restored takes over from it what it has forgotten. */
export class SecondCopy<Event> implements ComparedLog {
  readonly topicName: string
  readonly #options: SecondCopyOptions<Event>
  readonly #kafka: KafkaAdmin
  readonly #decoder: Decoder<Event>
  #reading: Promise<void> | undefined
  #adopted = 0
  #saved = ''
  #settled = false

  constructor(options: SecondCopyOptions<Event>) {
    const { brokers, registry, topic, instance } = options
    this.#options = options
    this.topicName = topic.name
    this.#kafka = new KafkaAdmin({ brokers, clientId: `${instance}-log` })
    this.#decoder = new Decoder(topic, registry)
  }

  /** Nothing may be written before. */
  get settled(): boolean {
    return this.#settled
  }

  /**
   * Resolves when the database may be written to. Without Kafka that is at once, unless the database is a restored one:
   * what the log holds is then not known, and a version would be given away twice.
   */
  async settle(stopping: AbortSignal): Promise<void> {
    const { pool, logger } = this.#options
    while (!this.#settled) {
      try {
        const same = await isSameRun(pool)
        await this.catchUp().catch((error) => {
          if (!same || this.#adopted > 0 || !isAbsence(error)) throw error
          logger.warn({ cause: error.message }, 'the log is not compared with the database before it is published to')
        })
        this.#settled = true
      } catch (error) {
        if (stopping.aborted) throw error
        const alarm = 'log-not-read'
        logger.error(
          { alarm, err: error },
          'nothing is written before the log was read: the database may be a restored one',
        )
        await pause(againMs, undefined, { signal: stopping })
      }
    }
  }

  catchUp(): Promise<void> {
    this.#reading ??= this.#catchUp().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async published({ id, ends }: Pick<TopicLog, 'id' | 'ends'>): Promise<void> {
    const now = `${id} ${ends}`
    if (now === this.#saved) return
    if (!this.#saved.startsWith(`${id} `)) await this.#tellIfReplaced(id)
    await savePublished(this.#options.pool, id, ends, true)
    this.#saved = now
  }

  async close(): Promise<void> {
    await this.#kafka.close()
  }

  #tellIfReplaced(topicId: string): Promise<void> {
    return tellIfReplaced(this.#options.pool, this.#options.logger, this.topicName, topicId)
  }

  async #catchUp(): Promise<void> {
    const { pool, topic, brokers, instance, logger } = this.#options
    const log = await this.#kafka.log(topic.name, deadlineMs)
    await this.#tellIfReplaced(log.id)
    const positions = await readPublished(pool, log.id)
    const spans = new Map(
      log.ends.flatMap((to, partition) => {
        const [start, position] = [log.starts[partition]!, positions.get(partition) ?? 0n]
        const from = position > start ? position : start
        return from < to ? [[partition, { from, to }] as const] : []
      }),
    )
    if (spans.size > 0) {
      const records = [...spans.values()].reduce((sum, { from, to }) => sum + Number(to - from), 0)
      logger.info({ records, partitions: spans.size }, 'reading what the log holds above the positions')
      const piece = { topic: topic.name, topicId: log.id, spans, partitions: log.ends.length }
      await readLog({ brokers, clientId: `${instance}-log` }, piece, async (records) => {
        const entries = await this.#decoder.entries(log.id, records)
        await this.#adopt(entries.flatMap(({ decoded }) => decoded?.event ?? []))
      })
    }
    await savePublished(pool, log.id, log.ends, false)
    await rememberRun(pool)
  }

  async #adopt(events: readonly Event[]): Promise<void> {
    const { maintenance, logger, adopt } = this.#options
    if (events.length === 0) return
    let adopted: Adopted
    try {
      adopted = await transaction(maintenance, (tx) => adopt(tx, events))
    } catch (error) {
      if (sqlFault(error) !== 'row') throw error
      return this.#adoptOrderByOrder(events, error)
    }
    const { orders, dropped } = adopted
    this.#adopted += orders
    if (orders > 0)
      logger.warn(
        { alarm: 'database-restored', orders },
        'orders that the database lacked were taken over from the log',
      )
    for (const eventId of dropped)
      logger.error({ alarm: 'event-dropped', eventId }, 'an event that contradicts the log was taken out of the outbox')
  }

  /** As in rule 17: an order that the database refuses, which no cart can have written, does not hold up all others. */
  async #adoptOrderByOrder(events: readonly Event[], refusal: unknown): Promise<void> {
    const { topic, logger } = this.#options
    const byOrder = Map.groupBy(events, (event) => topic.describe(event).orderId)
    if (byOrder.size > 1) for (const ofOrder of byOrder.values()) await this.#adopt(ofOrder)
    else {
      const [orderId] = byOrder.keys()
      logger.error({ alarm: 'order-not-adopted', orderId, err: refusal }, 'what the log holds of an order is no order')
    }
  }
}

const isAbsence = (error: unknown) =>
  error instanceof KafkaAway || error instanceof KafkaRefused || error instanceof RegistryAway
