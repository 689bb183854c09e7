import type { Topic } from '@inorder/contracts/topic.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { KafkaAdmin } from '../kafka/admin.ts'
import { TopicConsumer } from '../kafka/consumer.ts'
import { KafkaAway, KafkaRefused } from '../kafka/errors.ts'
import { type ParkedEvent, type ParkedOrder, parkedEvents, parkedOrders } from '../parking/listing.ts'
import type { SchemaRegistry } from '../registry.ts'
import type { BatchResult } from './batch.ts'
import { Decoder } from './decode.ts'
import type { Handler } from './handler.ts'
import { type InboxMetrics, inboxMetrics } from './metrics.ts'
import { OrderIds } from './order-ids.ts'
import { Reader } from './reader.ts'
import { shownPositions } from './store.ts'

export interface InboxOptions<State, Event> {
  pool: Pool
  brokers: string[]
  registry: Pick<SchemaRegistry, 'schemaOf'>
  /** Kafka consumer group, one a service; names the service in copies of parked records. */
  group: string
  /** This process among those of its service, `order-2`. */
  instance: string
  logger: Logger
  metrics: Registry
  /** After each commit, the events it applied, in their order: for waiting readers and the log. Must not throw. */
  onApplied?(applied: readonly Applied<State, Event>[]): void
  /** After a commit that put copies of parked records into the outbox: wakes this process's relay. */
  onCopies?(): void
}

export interface Applied<State, Event> {
  readonly orderId: string
  readonly event: Event
  readonly state: State
}

export interface PartitionPosition {
  partition: number
  next: number
  /** Null when Kafka did not say within a second. */
  end: number | null
  lag: number | null
}

export interface OrderState {
  orderId: string
  appliedVersion: number
  eventId: string | null
  appliedAt: string | null
  held: boolean
  events: ParkedEvent[]
}

const endsDeadlineMs = 1_000

/** A service's reading end of a topic. `apply` sees each order's events once each, in order; everything else is here. */
export class Inbox<State, Event> {
  /** Resolves when Kafka has been reached, and where reading starts is known to be right. */
  readonly ready: Promise<void>
  /** Every order id that the topic ever brought. */
  readonly orderIds: OrderIds
  readonly #topic: Topic<Event>
  readonly #options: InboxOptions<State, Event>
  readonly #reader: Reader<State, Event>
  readonly #admin: KafkaAdmin
  readonly #metrics: InboxMetrics
  #topicId: string | undefined

  constructor(topic: Topic<Event>, handler: Handler<State, Event>, options: InboxOptions<State, Event>) {
    const { pool, brokers, registry, group, instance, logger, metrics } = options
    this.#topic = topic
    this.#options = options
    this.orderIds = new OrderIds(pool, topic.name)
    this.#admin = new KafkaAdmin({ brokers, clientId: instance })
    this.#metrics = inboxMetrics(metrics, () => this.positions())
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ready = promise
    this.#reader = new Reader({
      pool,
      logger,
      source: new TopicConsumer({
        brokers,
        group,
        clientId: instance,
        topic: topic.name,
        onTrouble: (error) => logger.debug({ err: error }, 'trouble with Kafka'),
      }),
      context: { topic, handler, decoder: new Decoder(topic, registry), service: group, instance },
      onAssigned: (topicId) => {
        this.#topicId = topicId
        resolve()
      },
      onRetry: () => this.#metrics.retries.inc(),
      onCommitted: (result, seconds) => this.#committed(result, seconds),
    })
  }

  start(): void {
    this.#reader.start()
  }

  /** Ends reading; resolves when the batch under way is committed or given up. */
  async close(): Promise<void> {
    await this.#reader.close()
    await this.#admin.close()
  }

  /** How far each partition is applied, and how far its log goes. */
  async positions(): Promise<PartitionPosition[]> {
    const [next, ends] = await Promise.all([
      shownPositions(this.#options.pool, this.#topic.name, this.#topicId),
      this.#ends(),
    ])
    const partitions = new Set([...next.keys(), ...ends.keys()])
    return [...partitions]
      .sort((a, b) => a - b)
      .map((partition) => {
        const applied = Number(next.get(partition) ?? 0n)
        const end = ends[partition] === undefined ? null : Number(ends[partition])
        return { partition, next: applied, end, lag: end === null ? null : Math.max(0, end - applied) }
      })
  }

  async #ends(): Promise<bigint[]> {
    try {
      return await this.#admin.ends(this.#topic.name, endsDeadlineMs)
    } catch (error) {
      if (!(error instanceof KafkaAway || error instanceof KafkaRefused)) throw error
      return []
    }
  }

  parkedOrders(query: {
    cause?: string
    limit: number
    after?: string
  }): Promise<{ items: ParkedOrder[]; next: string | null }> {
    return parkedOrders(this.#options.pool, query)
  }

  /** Undefined when nothing of it is parked. */
  async parkedOf(
    orderId: string,
  ): Promise<{ orderId: string; appliedVersion: number; events: ParkedEvent[] } | undefined> {
    const state = await this.orderState(orderId)
    if (!state || state.events.length === 0) return undefined
    return { orderId, appliedVersion: state.appliedVersion, events: state.events }
  }

  /** Undefined when no record of it ever came. */
  async orderState(orderId: string): Promise<OrderState | undefined> {
    const { pool } = this.#options
    const { rows } = await pool.query<{
      applied_version: string
      event_id: string | null
      applied_at: Date | null
      held: boolean
    }>('SELECT applied_version, event_id, applied_at, held FROM inbox_order WHERE order_id = $1', [orderId])
    const events = await parkedEvents(pool, orderId)
    const row = rows[0]
    if (!row && events.length === 0) return undefined
    return {
      orderId,
      appliedVersion: Number(row?.applied_version ?? 0),
      eventId: row?.event_id ?? null,
      appliedAt: row?.applied_at?.toISOString() ?? null,
      held: row?.held ?? false,
      events,
    }
  }

  #committed(result: BatchResult<State, Event>, seconds: number): void {
    const { logger, onApplied, onCopies } = this.#options
    const metrics = this.#metrics
    metrics.applied.inc(result.applied.length)
    metrics.duplicates.inc(result.duplicates)
    metrics.healed.inc(result.healed)
    if (result.size > 0) metrics.batchSize.observe(result.size)
    metrics.batchSeconds.observe(seconds)
    for (const { place, before } of result.moved) if (place && !before) metrics.parked.inc({ cause: place.cause })
    for (const { orderId, topicId, partition, offset, place } of result.copies) {
      logger.warn({ orderId, event: `${topicId}/${partition}/${offset}`, ...place }, 'a record was parked')
    }
    if (result.applied.length > 0) onApplied?.(result.applied)
    if (result.copies.length > 0) onCopies?.()
  }
}

export const consume = <State, Event>(
  topic: Topic<Event>,
  handler: Handler<State, Event>,
  options: InboxOptions<State, Event>,
): Inbox<State, Event> => new Inbox(topic, handler, options)
