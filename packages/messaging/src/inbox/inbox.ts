import type { WokenLoop } from '@inorder/storage/woken-loop.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { KafkaAccess } from '../kafka/access.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import { TopicConsumer } from '../kafka/consumer.ts'
import { Decoder } from '../kafka/decode.ts'
import { KafkaRefused, KafkaUnavailable } from '../kafka/errors.ts'
import { placeName } from '../kafka/event.ts'
import type { SourceRecord } from '../kafka/record.ts'
import { readRecord } from '../kafka/record-at.ts'
import type { SchemaRegistry } from '../kafka/registry.ts'
import { traceBatch } from '../kafka/spans.ts'
import type { Topic } from '../kafka/topic.ts'
import { trailOf } from '../kafka/trail.ts'
import { logChanges } from '../outbox/log-changes.ts'
import type { Relay } from '../outbox/relay.ts'
import type { Saved } from './apply.ts'
import type { BatchResult } from './batch.ts'
import { dueKeysLoop } from './due-keys.ts'
import type { Handler } from './handler.ts'
import { jobMetrics } from './job-metrics.ts'
import { type JobOps, Jobs } from './jobs.ts'
import { isFailed } from './key-state.ts'
import { LogCheck } from './log-check.ts'
import { type InboxMetrics, inboxMetrics } from './metrics.ts'
import { Operator } from './operator.ts'
import type { PartitionPosition } from './ops.ts'
import { parkedFigures } from './parked-figures.ts'
import { type Holder, holderOf } from './parked-listing.ts'
import type { Pause } from './pause.ts'
import { pauseMetrics } from './pause-metrics.ts'
import { type PauseOps, Pauses } from './pause-operator.ts'
import { pauseOf } from './pauses.ts'
import { Reader } from './reader.ts'
import { shownPositions } from './store.ts'
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

const changeOf = ({ key, version, record }: { key: string; version: number; record: SourceRecord | undefined }) => ({
  key,
  version,
  ...trailOf(record),
})

const askDeadlineMs = 1_000

/** What is known without Kafka, where it does not answer. */
async function answerOr<Answer>(unknown: Answer, asking: Promise<Answer>): Promise<Answer> {
  try {
    return await asking
  } catch (error) {
    if (!(error instanceof KafkaUnavailable || error instanceof KafkaRefused)) throw error
    return unknown
  }
}

/** A service's reading end of a topic. `apply` sees each key's events once each, in order; everything else is here. */
export class Inbox<State, Event> {
  /** Resolves when Kafka has been reached, and where reading starts is known to be right. */
  readonly ready: Promise<void>
  /** Every key that the topic ever brought. */
  readonly topicKeys: TopicKeys
  readonly ops: Ops
  /** Of keys of which more waits than one transaction takes. */
  readonly #due: WokenLoop
  readonly #numbering: WokenLoop
  readonly #jobs: Jobs
  readonly #topic: Topic<Event>
  readonly #options: InboxOptions<State, Event>
  readonly #reader: Reader<State, Event>
  readonly #admin: KafkaAdmin
  readonly #metrics: InboxMetrics

  constructor(topic: Topic<Event>, handler: Handler<State, Event>, options: InboxOptions<State, Event>) {
    const { pool, brokers, access, registry, group, instance, groupInstanceId, logger, metrics } = options
    this.#topic = topic
    this.#options = options
    this.topicKeys = new TopicKeys(pool, topic.name)
    this.#numbering = this.topicKeys.loop(logger)
    this.#admin = new KafkaAdmin({ brokers, access, clientId: instance })
    const log = new LogCheck({ pool, kafka: this.#admin, topic: topic.name, logger })
    this.#metrics = inboxMetrics(metrics, {
      lag: () => this.#reader.lag,
      stalled: () => this.#reader.stalled.length,
      parked: () => parkedFigures(pool),
    })
    const context = { topic, handler, decoder: new Decoder(topic, registry), service: group, instance }
    const operator = new Operator({
      pool,
      context,
      logger,
      metrics: this.#metrics,
      readRecord: (place) => readRecord({ brokers, access, clientId: instance }, this.#admin, topic.name, place),
      onSaved: (saved) => this.#saved(saved),
    })
    jobMetrics(metrics, pool)
    this.#jobs = new Jobs({ pool, instance, logger, redrive: (key, redrive) => operator.redrive(key, redrive) })
    pauseMetrics(metrics, pool)
    const pauses = new Pauses({ pool, logger, instance })
    this.ops = Object.assign(operator, {
      jobs: this.#jobs,
      positions: () => this.#shownPositions(),
      acceptLoss: (partition: number, by: string) => log.acceptLoss(partition, by),
      pauses,
    })
    const endPassed = () => pauses.endPassed()
    this.#due = dueKeysLoop({ pool, logger, endPassed, goOn: (key) => operator.goOn(key) })
    this.#reader = new Reader({
      pool,
      logger,
      source: new TopicConsumer({
        brokers,
        access,
        group,
        clientId: instance,
        groupInstanceId,
        topic: topic.name,
        metrics,
        onTrouble: (error) => logger.debug({ err: error }, 'trouble with Kafka'),
      }),
      context,
      log,
      metrics: this.#metrics,
      onCommitted: (result, seconds) => this.#committed(result, seconds),
    })
    this.ready = this.#reader.ready
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

  /** What it lacks for its work: Kafka, whether it has been reached yet or not; records, until an operator accepts their loss; a batch that fails. */
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
  async positions(): Promise<Omit<PartitionPosition, 'owner' | 'stalledSeconds'>[]> {
    const { topicId } = this.#reader
    // Before the log is asked: a position that was read later could be past the end that was asked for earlier.
    const next = await shownPositions(this.#options.pool, this.#topic.name, topicId)
    const ends = await this.#ends(topicId)
    const partitions = new Set([...next.keys(), ...ends.keys()])
    return [...partitions]
      .sort((a, b) => a - b)
      .map((partition) => {
        const applied = Number(next.get(partition) ?? 0n)
        const end = Number(ends[partition] ?? -1n)
        // An end below the position is another log's, or that of one that was cut: how far this one goes is unknown.
        const isKnown = end >= applied
        return { partition, next: applied, end: isKnown ? end : null, lag: isKnown ? end - applied : null }
      })
  }

  /** Of the topic that is read; none while Kafka does not answer, or when the topic was made again under its name. */
  async #ends(topicId: string | undefined): Promise<bigint[]> {
    const { id, ends } = await answerOr<{ id?: string; ends: bigint[] }>(
      { ends: [] },
      this.#admin.ends(this.#topic.name, askDeadlineMs),
    )
    return id === topicId ? ends : []
  }

  /** As an operator sees them: with who has each partition, and for how long it has stood still here. */
  async #shownPositions(): Promise<PartitionPosition[]> {
    const { group } = this.#options
    const [positions, owners] = await Promise.all([
      this.positions(),
      answerOr(new Map<number, string>(), this.#admin.owners(group, this.#topic.name, askDeadlineMs)),
    ])
    const stalled = new Map(this.#reader.stalled.map(({ partition, seconds }) => [partition, seconds]))
    return positions.map((position) => ({
      ...position,
      owner: owners.get(position.partition) ?? null,
      stalledSeconds: stalled.get(position.partition) ?? null,
    }))
  }

  #committed(result: BatchResult<State, Event>, seconds: number): void {
    const { logger } = this.#options
    const metrics = this.#metrics
    metrics.healed.inc(result.healed)
    if (result.size > 0) metrics.batchSize.observe(result.size)
    metrics.batchSeconds.observe(seconds)
    for (const { key, topicId, version, parking, ...at } of result.moved) {
      if (!parking) logger.info({ key, event: placeName(topicId, at), version }, 'a record that waited is applied')
    }
    this.#saved(result, seconds)
  }

  /** What a batch and a redrive have in common. */
  #saved(saved: Saved<State, Event>, seconds = 0): void {
    const { logger, onApplied, relay } = this.#options
    const metrics = this.#metrics
    metrics.applied.inc(saved.applied.length)
    metrics.duplicates.inc(saved.duplicates)
    const { occurredAt } = this.#topic
    const now = Date.now()
    if (occurredAt) for (const { event } of saved.applied) metrics.endToEnd.observe((now - occurredAt(event)) / 1000)
    logChanges(logger, saved.applied, changeOf, 'event applied')
    traceBatch('inbox batch', performance.now() - seconds * 1000, saved.applied, changeOf)
    if (saved.duplicates > 0) logger.info({ duplicates: saved.duplicates }, 'duplicates were dropped')
    for (const { key, topicId, parking, before, ...at } of saved.moved) {
      if (!parking || (parking.state === before?.state && isFailed(parking) === isFailed(before))) continue
      if (!before) metrics.parked.inc({ cause: parking.cause })
      logger[isFailed(parking) ? 'warn' : 'info'](
        { key, event: placeName(topicId, at), ...parking },
        'a record was parked: see GET /ops/parked/{key}',
      )
    }
    for (const { key, topicId, version, ...at } of saved.late)
      logger.error(
        { alarm: 'skipped-version-arrived', key, version, event: placeName(topicId, at) },
        'a version that an operator skipped came after all: it is not applied, and is in the audit',
      )
    if (saved.due) this.#due.wake()
    if (saved.applied.length > 0) onApplied?.(saved.applied)
    if (saved.copies.length > 0) relay?.wake()
  }
}
