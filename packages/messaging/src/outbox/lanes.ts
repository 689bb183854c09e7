import { frame } from '@inorder/contracts/wire-format.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { Cluster } from '../kafka/client.ts'
import { KafkaAway, RecordTooLarge } from '../kafka/errors.ts'
import { PartitionProducer, type ProducerRecord } from '../kafka/producer.ts'
import type { Circuit } from './circuit.ts'
import type { Deletions } from './deletions.ts'
import { decodeHeaders } from './headers.ts'
import { Lane } from './lane.ts'
import type { OutboxMetrics } from './metrics.ts'
import type { SchemaIds } from './schemas.ts'
import { type LaneRows, type OutboxRow, readLanes, setAside } from './store.ts'

export interface LanesOptions {
  pool: Pool
  cluster: Cluster
  schemas: SchemaIds
  circuit: Circuit
  deletions: Deletions
  metrics: OutboxMetrics
  logger: Logger
  /** Kafka has acknowledged these. */
  onPublished(rows: readonly OutboxRow[]): void
}

// The client's own deadlines do not hold against a frozen broker. The first send after connecting takes up to 1.1 s.
const sendDeadlineMs = 3_000
const readRetryMs = 500

/** A leader's lanes: reads all that are idle with one statement, and sends what each of them got. */
export class Lanes {
  readonly #options: LanesOptions
  readonly #lanes: Lane[]
  readonly #sends = new Set<Promise<void>>()
  #reading = false
  #stopped = false
  #timer: NodeJS.Timeout | undefined
  /** `performance.now()` of Kafka's last acknowledgement. */
  lastAcknowledged = Number.NEGATIVE_INFINITY

  /** Of each topic. */
  readonly partitions: ReadonlyMap<string, number>

  constructor(options: LanesOptions, partitions: ReadonlyMap<string, number>) {
    this.#options = options
    this.partitions = partitions
    this.#lanes = [...partitions].flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, p) => new Lane(topic, p, new PartitionProducer(options.cluster, topic, p))),
    )
  }

  /** Nothing that Kafka could take waits: all is published, or rests for another reason than Kafka's absence. */
  get quiet(): boolean {
    return this.#lanes.every((lane) => (lane.trouble ? !(lane.trouble instanceof KafkaAway) : lane.idle && lane.empty))
  }

  /** There may be new rows. */
  wake(): void {
    for (const lane of this.#lanes) lane.wanted = true
    this.#read()
  }

  /** Rows are deleted: a lane may have waited for that. */
  deleted(): void {
    this.#read()
  }

  /** Kafka answers again: nobody needs to rest longer. */
  hurry(): void {
    for (const lane of this.#lanes) if (lane.trouble instanceof KafkaAway) lane.hurry()
    this.#read()
  }

  /** Ends in order: what is in flight is waited for. */
  async finish(): Promise<void> {
    this.#stop()
    await Promise.all(this.#sends)
    this.abort()
  }

  /** At once: somebody else leads. */
  abort(): void {
    this.#stop()
    for (const lane of this.#lanes) lane.close()
  }

  #stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #read(): void {
    if (this.#reading || this.#stopped) return
    const lanes = this.#lanes.filter((lane) => lane.readable)
    if (lanes.length === 0) return
    this.#reading = true
    for (const lane of lanes) lane.wanted = false
    readLanes(this.#options.pool, lanes).then(
      (found) => this.#found(lanes, found),
      (error: Error) => this.#readFailed(lanes, error),
    )
  }

  #found(lanes: readonly Lane[], found: readonly LaneRows[]): void {
    this.#reading = false
    if (this.#stopped) return
    for (const [i, lane] of lanes.entries()) {
      const { rows, more } = found[i]!
      if (more) lane.wanted = true
      lane.empty = rows.length === 0
      if (lane.empty) continue
      lane.sending()
      const send = this.#send(lane, rows).finally(() => this.#sends.delete(send))
      this.#sends.add(send)
    }
    this.#read()
  }

  #readFailed(lanes: readonly Lane[], error: Error): void {
    this.#options.logger.warn({ cause: error.message }, 'the outbox could not be read')
    for (const lane of lanes) lane.wanted = true
    this.#timer = setTimeout(() => {
      this.#reading = false
      this.#read()
    }, readRetryMs)
  }

  async #send(lane: Lane, rows: readonly OutboxRow[]): Promise<void> {
    const { schemas, circuit, deletions, metrics, logger, onPublished } = this.#options
    try {
      await schemas.learn(new Set(rows.map((row) => row.fingerprint)))
      await lane.producer.send(
        rows.map((row) => recordOf(row, schemas)),
        sendDeadlineMs,
      )
    } catch (error) {
      if (!this.#stopped) await this.#failed(lane, rows, error as Error)
      return
    }
    if (lane.trouble) logger.info({ topic: lane.topic, partition: lane.partition }, 'a partition takes events again')
    lane.sent(rows)
    this.lastAcknowledged = performance.now()
    circuit.close()
    onPublished(rows)
    deletions.add(lane, rows)
    metrics.published.inc(rows.length)
    this.#measure()
    this.#read()
  }

  async #failed(lane: Lane, rows: readonly OutboxRow[], error: Error): Promise<void> {
    const { circuit, metrics, logger } = this.#options
    const { topic, partition } = lane
    metrics.failures.inc()
    let trouble = error
    if (error instanceof RecordTooLarge) {
      if (rows.length > 1) {
        lane.halve(rows)
        return this.#read()
      }
      try {
        await this.#setAside(rows[0]!, error)
        lane.again()
        return this.#read()
      } catch (failure) {
        trouble = failure as Error
      }
    }
    if (error instanceof KafkaAway) circuit.open(error)
    if (!lane.trouble) logger.warn({ topic, partition, cause: trouble.message }, 'a partition takes no events')
    lane.rest(trouble, () => {
      this.#measure()
      this.#read()
    })
    this.#measure()
  }

  /** Rule 9: nothing will make Kafka take it. Its order stands still, and somebody has to look at it. */
  async #setAside({ eventId, key }: OutboxRow, cause: Error): Promise<void> {
    await setAside(this.#options.pool, eventId, cause.message)
    this.#options.metrics.setAside.inc()
    this.#options.logger.error(
      { alarm: 'outbox-set-aside', eventId, key: key?.toString(), cause: cause.message },
      'Kafka refuses an event for good: it is set aside, and the later events of its order wait behind it',
    )
  }

  #measure(): void {
    this.#options.metrics.resting.set(this.#lanes.filter((lane) => lane.resting).length)
  }
}

function recordOf({ key, value, fingerprint, headers }: OutboxRow, schemas: SchemaIds): ProducerRecord {
  const framed = fingerprint === null ? value : frame(schemas.idOf(fingerprint), value)
  return { key, value: framed, headers: decodeHeaders(headers) }
}
