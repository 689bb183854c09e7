import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { SchemaRegistry } from '../kafka/registry.ts'
import { ackedMessages, Channel, encode, type Message } from './channel.ts'
import { Circuit } from './circuit.ts'
import type { DatabaseRun } from './database-run.ts'
import { Deletions } from './deletions.ts'
import type { Delivery } from './delivery.ts'
import { Leadership } from './leadership.ts'
import { outboxMetrics } from './metrics.ts'
import { Publisher } from './publisher.ts'
import type { ComparedLog } from './recovery.ts'
import { rememberSchema, SchemaIds } from './schemas.ts'
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

export interface RelayOptions {
  pool: Pool
  /** Of the same database, with a long deadline: for what looks at everything that waits. */
  maintenance: Pool
  /** The same database as `pool`, for connections of the relay's own (lock, LISTEN). */
  url: string
  brokers: string[]
  registry: SchemaRegistry
  /** What it publishes to. */
  topics: readonly PublishedTopic[]
  /** This process, `cart-2`: the `origin` of its rows. Two that run at once must not share it. */
  instance: string
  run: DatabaseRun
  logger: Logger
  metrics: Registry
}

const heartbeatLimitMs = 3_000
const checkMs = 500
const retryAfterSeconds = 2

/**
 * Publishes the outbox: one instance leads and does it, the others hear from it. Each tells its own requests what became
 * of their events.
 */
export class Relay {
  readonly delivery: Delivery
  readonly #options: RelayOptions
  readonly #circuit: Circuit
  readonly #waiters: Waiters
  readonly #deletions: Deletions
  readonly #publisher: Publisher
  readonly #channel: Channel
  readonly #leadership: Leadership
  readonly #closing = new AbortController()
  /** Set while this instance leads. */
  #leading: Promise<void> | undefined
  #lastHeard = 0
  #watch: NodeJS.Timeout | undefined

  constructor(options: RelayOptions) {
    const { pool, maintenance, url, brokers, registry, topics, instance, run } = options
    const logger = options.logger.child({ part: 'relay' })
    const metrics = outboxMetrics(options.metrics)
    this.#options = options
    this.#circuit = new Circuit(logger, (away) => {
      metrics.unavailable.set(away ? 1 : 0)
      if (this.#leading) this.#channel.send(this.#heartbeat())
      if (away) this.#waiters.giveUp()
    })
    metrics.unavailable.set(1)
    const circuit = this.#circuit
    this.#waiters = new Waiters(() => circuit.unavailable)
    this.delivery = {
      get unavailable() {
        return circuit.unavailable
      },
      retryAfter: retryAfterSeconds,
      expect: (eventId) => this.#waiters.expect(eventId),
    }
    this.#deletions = new Deletions(pool, maintenance, logger, (rows) => {
      // Once more: a request that changes nothing may have begun to wait for such an event meanwhile.
      for (const row of rows) this.#waiters.delivered(row.eventId)
      this.#publisher.deleted()
    })
    this.#publisher = new Publisher({
      pool,
      maintenance,
      cluster: { brokers, clientId: `${instance}-relay` },
      topics: topics.map(({ name }) => name),
      schemas: new SchemaIds(pool, registry),
      circuit,
      deletions: this.#deletions,
      metrics,
      logger,
      onPublished: (rows) => this.#published(rows),
    })
    this.#channel = new Channel(url, instance, run, logger, (message) => this.#heard(message))
    const heartbeat = () => this.#heartbeat()
    const lead = (lost: AbortSignal) => this.#lead(lost)
    this.#leadership = new Leadership({ url, instance, run, logger, heartbeat, lead })
    run.onSwapped(() => this.#publisher.swapped())
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
    if (!this.#leading) this.#channel.sendOnce(encode({ from: this.#options.instance, wake: true }))
    else this.#publisher.wake()
  }

  /** Ends what is in flight, gives the leadership away. Who still waits is told `pending`. */
  async close(): Promise<void> {
    clearInterval(this.#watch)
    this.#closing.abort()
    await this.#leading
    await this.#deletions.close()
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
    const foreign: string[] = []
    for (const { eventId, origin } of rows) {
      this.#waiters.delivered(eventId)
      if (origin !== instance) foreign.push(eventId)
    }
    if (foreign.length > 0) this.#channel.send(...ackedMessages(instance, foreign))
  }

  #heartbeat(): string {
    return encode({ from: this.#options.instance, unavailable: this.#circuit.unavailable })
  }

  #heard(message: Message): void {
    if ('acked' in message) for (const eventId of message.acked) this.#waiters.delivered(eventId)
    else if ('wake' in message) this.#publisher.wake()
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
