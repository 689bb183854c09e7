// Kafka -> database, each event once in effect (rules 13 to 21). The way of a batch:
//
//   reader.ts         opens the stream; compares where it begins with the positions and the log
//   applier.ts        takes what was read, decodes it, and has it committed, again and again where that fails
//   commit.ts         commits all of it, or less and less until it is known whose fault a failure is
//   batch.ts          one transaction: locks positions and keys, reads what is parked of them, writes all at once
//   decide.ts         what becomes of each record: applied, a duplicate, or parked
//   apply.ts          loads, applies and saves, by the service's handler
//   after-commit.ts   metrics and log lines; wakes who waits for it
//
// Beside it, under the same locks: an operator lets single keys go on (operator.ts), and many by a job (jobs.ts). What shall
// stand still for a while is paused (pause-operator.ts).
import type { WokenLoop } from '@inorder/storage/woken-loop.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { KafkaAccess } from '../kafka/access.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import { TopicConsumer } from '../kafka/consumer.ts'
import { Decoder } from '../kafka/decode.ts'
import { readRecord } from '../kafka/record-at.ts'
import type { SchemaRegistry } from '../kafka/registry.ts'
import type { Topic } from '../kafka/topic.ts'
import type { Relay } from '../outbox/relay.ts'
import { AfterCommit } from './after-commit.ts'
import { dueKeysLoop } from './due-keys.ts'
import type { Handler } from './handler.ts'
import { jobMetrics } from './job-metrics.ts'
import { type JobOps, Jobs } from './jobs.ts'
import { LogCheck } from './log-check.ts'
import { inboxMetrics } from './metrics.ts'
import { Operator } from './operator.ts'
import type { PartitionPosition } from './ops.ts'
import { parkedFigures } from './parked-figures.ts'
import { type Holder, holderOf } from './parked-listing.ts'
import type { Pause } from './pause.ts'
import { pauseMetrics } from './pause-metrics.ts'
import { PauseOperator, type PauseOps } from './pause-operator.ts'
import { pauseOf } from './pauses.ts'
import { Positions } from './positions.ts'
import { Reader } from './reader.ts'
import { TopicKeys } from './topic-keys.ts'

export interface InboxOptions<State, Event> {
  pool: Pool
  brokers: string[]
  access?: KafkaAccess | undefined
  registry: Pick<SchemaRegistry, 'schemaOf'>
  /** Kafka consumer group, one a service; names the service in copies of parked records. */
  group: string
  /** This process among those of its service, `billing-2`. */
  instance: string
  /** Its name in the consumer group, if it always comes back under the same (Kafka's static membership). */
  groupInstanceId?: string | undefined
  logger: Logger
  metrics: Registry
  /** After each commit, the events it applied, in their order: for waiting readers and the log. Must not throw. */
  onApplied?(applied: readonly Applied<State, Event>[]): void
  /** Publishes the copies of parked records, from the outbox of the same database. */
  relay?: Pick<Relay, 'wake'>
}

/** What is parked, and what an operator may do with it; how far each partition is applied. */
export type Ops = Omit<Operator<never, never>, 'goOn'> & {
  positions(): Promise<PartitionPosition[]>
  /** Goes on behind records that are gone from the log. */
  acceptLoss: LogCheck['acceptLoss']
  /** Redrives of many keys, in the background. */
  jobs: JobOps
  /** What does not go on for a while (rule 25). */
  pauses: PauseOps
}

export interface Applied<State, Event> {
  readonly key: string
  readonly event: Event
  readonly state: State
}

/** A service's reading end of a topic. `apply` sees each key's events once each, in order; everything else is here. */
export class Inbox<State, Event> {
  /** Resolves when Kafka has been reached, and where reading starts is known to be right. */
  readonly ready: Promise<void>
  /** Every key that the topic ever brought. */
  readonly topicKeys: TopicKeys
  readonly ops: Ops
  readonly #topic: Topic<Event>
  readonly #options: InboxOptions<State, Event>
  readonly #admin: KafkaAdmin
  readonly #reader: Reader<State, Event>
  readonly #positions: Positions
  readonly #jobs: Jobs
  /** Of keys of which more waits than one transaction takes. */
  readonly #due: WokenLoop
  readonly #numbering: WokenLoop

  constructor(topic: Topic<Event>, handler: Handler<State, Event>, options: InboxOptions<State, Event>) {
    const { pool, brokers, access, registry, group, instance, groupInstanceId, logger, onApplied, relay } = options
    this.#topic = topic
    this.#options = options
    const cluster = { brokers, access, clientId: instance }
    this.#admin = new KafkaAdmin(cluster)
    const log = new LogCheck({ pool, kafka: this.#admin, topic: topic.name, logger })
    const context = { topic, handler, decoder: new Decoder(topic, registry), service: group, instance }
    const metrics = inboxMetrics(options.metrics, {
      lag: () => this.#reader.lag,
      stalled: () => this.#reader.stalled.length,
      parked: () => parkedFigures(pool),
    })
    const afterCommit = new AfterCommit<State, Event>({
      topic,
      logger,
      metrics,
      onApplied,
      onDue: () => this.#due.wake(),
      onCopies: () => relay?.wake(),
    })

    // 1. Batches.
    this.#reader = new Reader({
      pool,
      logger,
      source: new TopicConsumer({
        ...cluster,
        group,
        groupInstanceId,
        topic: topic.name,
        metrics: options.metrics,
        onTrouble: (error) => logger.debug({ err: error }, 'trouble with Kafka'),
      }),
      context,
      log,
      metrics,
      onCommitted: (result, seconds) => afterCommit.batch(result, seconds),
    })
    this.ready = this.#reader.ready
    this.#positions = new Positions({ pool, kafka: this.#admin, topic: topic.name, group, reader: this.#reader })
    this.topicKeys = new TopicKeys(pool, topic.name)
    this.#numbering = this.topicKeys.loop(logger)

    // 2. What an operator does.
    const operator = new Operator({
      pool,
      context,
      logger,
      metrics,
      readRecord: (place) => readRecord(cluster, this.#admin, topic.name, place),
      onSaved: (saved) => afterCommit.saved(saved),
    })
    this.#jobs = new Jobs({ pool, instance, logger, redrive: (key, redrive) => operator.redrive(key, redrive) })
    jobMetrics(options.metrics, pool)
    const pauses = new PauseOperator({ pool, logger, instance })
    pauseMetrics(options.metrics, pool)
    this.ops = Object.assign(operator, {
      jobs: this.#jobs,
      positions: () => this.#positions.shown(),
      acceptLoss: (partition: number, by: string) => log.acceptLoss(partition, by),
      pauses,
    })

    // 3. What both leave to be gone on with.
    const endPassed = () => pauses.endPassed()
    this.#due = dueKeysLoop({ pool, logger, endPassed, goOn: (key) => operator.goOn(key) })
  }

  start(): void {
    this.#reader.start()
    this.#due.start()
    this.#numbering.start()
    this.#jobs.runner.start()
  }

  /** Ends reading; resolves when the batch under way is committed or given up. */
  async close(): Promise<void> {
    await this.#reader.close()
    await this.#jobs.runner.close()
    await this.#due.close()
    await this.#numbering.close()
    await this.#admin.close()
  }

  /**
   * What it lacks for its work: Kafka, whether it has been reached yet or not; records, until an operator accepts their
   * loss; a batch that fails.
   */
  missing(): string[] {
    const { name } = this.#topic
    const lost = this.#reader.stopped.map((partition) => `records of ${name}/${partition}`)
    const stalled = this.#reader.stalled.map(
      ({ partition, seconds }) => `partition ${name}/${partition} (retried for ${seconds} s)`,
    )
    return [...(this.#reader.unavailable ? [this.#options.access?.missing ?? 'kafka'] : []), ...lost, ...stalled]
  }

  /** What holds a key up. */
  holderOf(key: string): Promise<Holder | undefined> {
    return holderOf(this.#options.pool, key)
  }

  /** What an operator has paused that keeps the key from going on: the inbox or the key. */
  pauseOf(key: string): Promise<Pause | undefined> {
    return pauseOf(this.#options.pool, key)
  }

  /** How far each partition is applied, and how far its log goes. */
  positions(): ReturnType<Positions['read']> {
    return this.#positions.read()
  }
}
