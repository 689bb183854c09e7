import type { Registry } from 'prom-client'
import type { SchemaRegistry } from '../kafka/registry.ts'
import { ackedMessages, Channel, encode, type Message } from './channel.ts'
import { Circuit } from './circuit.ts'
import type { DatabaseRun } from './database-run.ts'
import type { Delivery } from './delivery.ts'
import type { LanesOptions } from './lanes.ts'
import { Leadership } from './leadership.ts'
import type { ComparedLog } from './log-recovery.ts'
import { outboxMetrics } from './metrics.ts'
import type { AddedRow } from './outbox.ts'
import { Publisher } from './publisher.ts'
import { rememberSchema } from './schemas.ts'
import { declareTopic, type OutboxRow, readTopics } from './store.ts'
import { Waiters } from './waiters.ts'

export interface PublishedTopic {
  name: string
  /** Counts until Kafka was asked. */
  partitions: number
  /** With the schema that its values are written with: rows name it. */
  subject?: string
  value?: { schema: string; fingerprint: string }
}

export interface RelayOptions
  extends Pick<LanesOptions, 'pool' | 'maintenance' | 'brokers' | 'access' | 'instance' | 'logger'> {
  /** The same database as `pool`, for connections of the relay's own (lock, LISTEN). */
  url: string
  registry: SchemaRegistry
  /** What it publishes to. */
  topics: readonly PublishedTopic[]
  run: DatabaseRun
  metrics: Registry
}

const heartbeatLimitMs = 3_000
const checkMs = 500

/** Publishes the outbox: one instance leads and does it, the others hear from it. Each tells its own requests of their events. */
export class Relay {
  readonly delivery: Delivery
  readonly #options: RelayOptions
  readonly #circuit: Circuit
  readonly #waiters: Waiters
  readonly #publisher: Publisher
  readonly #channel: Channel
  readonly #leadership: Leadership
  readonly #closing = new AbortController()
  /** Set while this instance leads. */
  #leading: Promise<void> | undefined
  #lastHeard = 0
  #watch: NodeJS.Timeout | undefined

  constructor(options: RelayOptions) {
    const { url, instance, run } = options
    const logger = options.logger.child({ part: 'relay' })
    const metrics = outboxMetrics(options.metrics, () => this.#publisher.measure())
    this.#options = options
    metrics.unavailable.set(1)
    this.#circuit = new Circuit(logger, (isUnavailable) => {
      metrics.unavailable.set(isUnavailable ? 1 : 0)
      if (this.#leading) this.#channel.send(this.#heartbeat())
      if (isUnavailable) this.#waiters.giveUp()
    })
    this.#waiters = new Waiters(
      () => this.#circuit.unavailable,
      () => this.#publisher.lanes,
    )
    this.delivery = this.#waiters
    this.#publisher = new Publisher({
      ...{ ...options, circuit: this.#circuit, logger, metrics },
      onPublished: (rows) => this.#published(rows),
      // Once more: a request that changes nothing may have begun to wait for such an event meanwhile.
      onDeleted: (rows) => this.#delivered(rows.map(({ eventId }) => eventId)),
    })
    this.#channel = new Channel(url, instance, run, logger, (message) => this.#heard(message))
    const heartbeat = () => this.#heartbeat()
    const lead = (lost: AbortSignal) => this.#lead(lost)
    this.#leadership = new Leadership({ url, instance, run, logger, heartbeat, lead })
    // Nothing of another database is sent before it was compared with the log.
    run.onSwapped(() => this.#publisher.lanes?.stop())
  }

  /** Resolves when Kafka has acknowledged something for the first time. */
  get contact(): Promise<void> {
    return this.#circuit.contact
  }

  /**
   * Resolves once rows can be added; what fails after that is tried again without end. `log`: what is compared with the
   * database each time before this instance begins to publish.
   */
  async start(log?: ComparedLog): Promise<void> {
    this.#publisher.log = log
    const { pool, topics } = this.#options
    const known = await readTopics(pool)
    for (const { name, partitions, subject, value } of topics) {
      if (!known.has(name)) await declareTopic(pool, name, partitions)
      if (subject && value) await rememberSchema(pool, value.fingerprint, subject, value.schema)
    }
    this.#channel.start()
    this.#leadership.start()
    this.#lastHeard = performance.now()
    this.#watch = setInterval(() => this.#checkHeartbeat(), checkMs)
  }

  /** After a commit that added rows. Cheap: call it for each. */
  wake(): void {
    const lanes = this.#publisher.open
    if (lanes) lanes.tell({ type: 'woken' })
    else this.#channel.sendOnce(encode({ from: this.#options.instance, wake: true }))
  }

  /**
   * Rule 24: after a commit that added these rows, and before those who expect their events go on. From memory go only
   * those that were expected since before the transaction, under the lanes of now, and were not published meanwhile.
   */
  committed(rows: readonly AddedRow[]): void {
    const lanes = this.#publisher.open
    const known = rows.filter(({ eventId }) => lanes && this.#waiters.lanesOf(eventId) === lanes)
    if (known.length > 0) lanes?.tell({ type: 'committed', rows: known })
    if (known.length < rows.length) this.wake()
  }

  /** Ends what is in flight, gives up the leadership. Who still waits is told `pending`. */
  async close(): Promise<void> {
    clearInterval(this.#watch)
    this.#closing.abort()
    await this.#leading
    await this.#leadership.close()
    await this.#channel.close()
    this.#waiters.giveUp()
  }

  #lead(lost: AbortSignal): void {
    // A term that was lost may still be ending.
    this.#leading = Promise.resolve(this.#leading).then(() => this.#publisher.lead(lost, this.#closing.signal))
    const term = this.#leading
    term.finally(() => {
      if (this.#leading !== term) return
      this.#leading = undefined
      this.#lastHeard = performance.now()
    })
  }

  #published(rows: readonly OutboxRow[]): void {
    const { instance } = this.#options
    this.#delivered(rows.map(({ eventId }) => eventId))
    const foreign = rows.filter(({ origin }) => origin !== instance).map(({ eventId }) => eventId)
    if (foreign.length > 0) this.#channel.send(...ackedMessages(instance, foreign))
  }

  #delivered(eventIds: readonly string[]): void {
    for (const eventId of eventIds) this.#waiters.delivered(eventId)
  }

  #heartbeat(): string {
    return encode({ from: this.#options.instance, unavailable: this.#circuit.unavailable })
  }

  #heard(message: Message): void {
    if ('acked' in message) this.#delivered(message.acked)
    else if ('wake' in message) this.#publisher.lanes?.tell({ type: 'woken' })
    else if (!this.#leading) {
      this.#lastHeard = performance.now()
      if (message.unavailable) this.#circuit.open(new Error(`${message.from}, which publishes, says so`))
      else this.#circuit.close()
    }
  }

  /** Rule 11: whoever does not lead knows of Kafka what the leader says, and without it nothing. */
  #checkHeartbeat(): void {
    if (this.#leading || performance.now() - this.#lastHeard < heartbeatLimitMs) return
    this.#circuit.open(new Error('nothing was heard of the instance that publishes'))
  }
}
