import { retry, sleep } from '@inorder/storage/retry.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { KafkaAccess } from '../kafka/access.ts'
import { KafkaAdmin, type TopicLog } from '../kafka/admin.ts'
import { Decoder } from '../kafka/decode.ts'
import { isKafkaFailure } from '../kafka/errors.ts'
import { placeName } from '../kafka/event.ts'
import { readLog } from '../kafka/log-reader.ts'
import type { SourceRecord } from '../kafka/record.ts'
import { RegistryUnavailable, type SchemaRegistry } from '../kafka/registry.ts'
import type { Topic } from '../kafka/topic.ts'
import { type DatabaseRun, NotCompared } from './database-run.ts'
import { HeldEvidence } from './held-evidence.ts'
import { type KeyTable, type RecoveredGroup, recoverKeys } from './recover-keys.ts'
import { stage, unreadable, updateStaged } from './recovery-staging.ts'
import { currentRun, publishedTopicIds, readPublished, rememberRun, savePublished } from './recovery-store.ts'

interface LogRecoveryOptions<Event> {
  pool: Pool
  /** Of the same database, with a long deadline. */
  maintenance: Pool
  brokers: readonly string[]
  access?: KafkaAccess | undefined
  registry: Pick<SchemaRegistry, 'schemaOf'>
  topic: Topic<Event>
  /** This process, `cart-2`. */
  instance: string
  logger: Logger
  table: KeyTable<Event>
  run: DatabaseRun
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
const backoff = { firstMs: 1_000, longestMs: 2_000 }
/** Each may be a megabyte. */
const mostReadAgain = 20

/** Rule 12: a service whose database was restored takes over from the log what the database has forgotten. */
export class LogRecovery<Event> implements ComparedLog {
  readonly topicName: string
  readonly #options: LogRecoveryOptions<Event>
  readonly #kafka: KafkaAdmin
  readonly #decoder: Decoder<Event>
  /** For the operator of keys that are held. */
  readonly evidence: HeldEvidence<Event>
  #reading: Promise<void> | undefined
  /** Something of the log was read, and not all of it judged: the database may lack it. */
  #behind = false
  #saved = ''
  #settling: Promise<void> | undefined

  constructor(options: LogRecoveryOptions<Event>) {
    const { brokers, access, registry, topic, instance } = options
    this.#options = options
    this.topicName = topic.name
    this.#kafka = new KafkaAdmin({ brokers, access, clientId: `${instance}-log` })
    this.#decoder = new Decoder(topic, registry)
    this.evidence = new HeldEvidence(this.#decoder)
  }

  /** Nothing may be written before. */
  get settled(): boolean {
    return this.#options.run.compared !== undefined
  }

  /**
   * Resolves when the database may be written to, and from then on watches that it stays the same. Without Kafka that is
   * at once, unless the database is a restored one: what the log holds is then not known, and a version would be given
   * away twice. A database that takes the place of another while this process runs may always be one.
   */
  async settle(stopping: AbortSignal): Promise<void> {
    const { run, logger } = this.#options
    run.onSwapped(() => {
      const alarm = 'database-swapped'
      logger.error(
        { alarm },
        'another database has taken the place of ours: writes are refused until what it lacks was read from Kafka',
      )
      // What ends it is that the service stops.
      this.#settle(stopping).catch(() => stopping.aborted)
    })
    await this.#settle(stopping)
  }

  #settle(stopping: AbortSignal): Promise<void> {
    this.#settling ??= this.#untilSettled(stopping).finally(() => {
      this.#settling = undefined
    })
    return this.#settling
  }

  async #untilSettled(stopping: AbortSignal): Promise<void> {
    const { pool, run, logger } = this.#options
    const settle = async () => {
      const { identity, same } = await currentRun(pool)
      await this.catchUp().catch((error) => {
        if (run.swapped || !same || this.#behind || !isAbsence(error)) throw error
        logger.warn(
          { cause: error.message },
          'Kafka or the registry does not answer: writes are taken, and the log is compared with the database before anything is published',
        )
        run.compare(identity)
      })
    }
    const onFailure = (error: unknown) =>
      logger.error(
        { alarm: 'log-not-read', err: error },
        'writes are refused until the log was read, as the database may be a restored one: Kafka and the registry have to answer',
      )
    while (!this.settled) await retry(settle, { ...backoff, signal: stopping, onFailure })
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
    await savePublished(this.#options.pool, id, ends)
    this.#saved = now
  }

  async close(): Promise<void> {
    await this.#kafka.close()
  }

  /** Rule 19, for who publishes: to be asked before the first offset of a topic that was made again is stored. */
  async #tellIfReplaced(topicId: string): Promise<void> {
    const { pool, logger } = this.#options
    const before = await publishedTopicIds(pool)
    if (before.length === 0 || before.includes(topicId)) return
    logger.error(
      { alarm: 'inbox-topic-replaced', topic: this.topicName, topicId: before.join(', '), now: topicId },
      'the topic was deleted and made again: its events of before are in the databases alone, and no new service can read them',
    )
  }

  async #catchUp(): Promise<void> {
    const { pool, maintenance, topic, brokers, access, instance, logger, table, run } = this.#options
    await sleep(Math.max(run.complete - performance.now(), 0))
    const { identity } = await currentRun(pool)
    const log = await this.#kafka.log(topic.name, deadlineMs)
    await this.#tellIfReplaced(log.id)
    await this.#readAgain(log.id)
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
      const piece = { topic: topic.name, topicId: log.id, spans }
      await readLog({ brokers, access, clientId: `${instance}-log` }, piece, (records) => this.#stage(log.id, records))
    }
    await recoverKeys({
      pool: maintenance,
      topic,
      topicId: log.id,
      decoder: this.#decoder,
      table,
      assertSame: (tx) => run.assertLeadsTo(identity, tx.identity),
      onRecovered: (group) => this.#tell(group),
    })
    await savePublished(pool, log.id, log.ends, identity)
    if (!(await rememberRun(pool, identity))) throw new NotCompared('another database has come while the log was read')
    this.#behind = false
    run.compare(identity)
  }

  async #stage(topicId: string, records: readonly SourceRecord[]): Promise<void> {
    const { maintenance, topic, logger } = this.#options
    const entries = await this.#decoder.decodeAll(topicId, records)
    await stage(
      maintenance,
      entries.filter(({ keyless }) => !keyless),
      topic.versionHeader,
    )
    if (entries.length > 0) this.#behind = true
    const [first, ...others] = entries.filter(({ keyless }) => keyless)
    if (first)
      logger.warn(
        { event: placeName(topicId, first), cause: first.fault?.cause, others: others.length },
        'records of the log have no usable key: they are passed over, and whoever writes them has to be found',
      )
  }

  /** Tries what could not be read before: its schema may be there by now. */
  async #readAgain(topicId: string): Promise<void> {
    const { maintenance } = this.#options
    let after = 0
    for (;;) {
      const records = await unreadable(maintenance, after, mostReadAgain)
      if (records.length === 0) return
      for (const [i, { version, eventId }] of (await this.#decoder.decodeAll(topicId, records)).entries())
        if (version !== null) await updateStaged(maintenance, { id: records[i]!.id, version, eventId, detail: null })
      after = records.at(-1)!.id
    }
  }

  #tell({ recovered, dropped }: RecoveredGroup<Event>): void {
    const { logger } = this.#options
    const takenOver = recovered.filter(({ event }) => event !== undefined).length
    if (takenOver > 0)
      logger.warn(
        { alarm: 'database-restored', keys: takenOver },
        'the database was restored: what it lacked was taken over from the log',
      )
    for (const { key, eventId } of dropped)
      logger.error(
        { alarm: 'event-dropped', key, eventId },
        'an event that contradicts the log was taken out of the outbox: it is in the table outbox_dropped',
      )
    for (const { key, hold } of recovered)
      if (hold)
        logger.error(
          { alarm: 'order-held', key, ...hold },
          'nothing is written to this key until an operator releases it: see GET /ops/held',
        )
  }
}

const isAbsence = (error: unknown) => isKafkaFailure(error) || error instanceof RegistryUnavailable
