import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { Cluster } from '../kafka/client.ts'
import { KafkaUnavailable, RecordTooLarge } from '../kafka/errors.ts'
import { type ProducerRecord, SerialProducer } from '../kafka/producer.ts'
import { frame } from '../kafka/wire-format.ts'
import type { Circuit } from './circuit.ts'
import type { CompleteIds } from './complete-ids.ts'
import type { Deletions } from './deletions.ts'
import { decodeHeaders } from './headers.ts'
import { bytesOf, Lane } from './lane.ts'
import type { OutboxMetrics } from './metrics.ts'
import type { SchemaIds } from './schemas.ts'
import { type LaneRead, type LaneRows, type OutboxRow, readLanes, setAside } from './store.ts'

export interface LanesOptions {
  pool: Pool
  /** Of the same database, with a long deadline. */
  maintenance: Pool
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
const enoughTogether = 512 * 1024

/** What was read of a lane. */
interface Chunk {
  lane: Lane
  rows: readonly OutboxRow[]
}

/**
 * A leader's lanes: reads all that are idle with one statement, and sends what they got in requests of about
 * `enoughTogether` bytes. A request goes through the producer of its first lane: a lane is in one request at a time, so
 * each producer is as well.
 */
export class Lanes {
  readonly #options: LanesOptions
  readonly #complete: CompleteIds
  readonly #lanes: Lane[]
  readonly #sends = new Set<Promise<void>>()
  #reading = false
  /** The first read may have to step over all that was ever published; one that failed may have been too long. */
  #mayTakeLong = true
  #stopped = false
  #timer: NodeJS.Timeout | undefined
  /** `performance.now()` of Kafka's last acknowledgement. */
  lastAcknowledged = Number.NEGATIVE_INFINITY

  /** Of each topic. */
  readonly partitions: ReadonlyMap<string, number>

  /** `complete` knows its first id, or did not find it out in time. */
  constructor(options: LanesOptions, complete: CompleteIds, partitions: ReadonlyMap<string, number>) {
    this.#options = options
    this.#complete = complete
    this.partitions = partitions
    this.#lanes = [...partitions].flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, p) => new Lane(topic, p, new SerialProducer(options.cluster, p))),
    )
  }

  /** Which lanes there are, and where they are to be read from. */
  get bases(): readonly Pick<LaneRead, 'topic' | 'partition' | 'base'>[] {
    return this.#lanes
  }

  /** Nothing that Kafka could take waits: all is published, or rests for another reason than Kafka's absence. */
  get quiet(): boolean {
    return this.#lanes.every((lane) =>
      lane.trouble ? !(lane.trouble instanceof KafkaUnavailable) : lane.idle && lane.empty,
    )
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
    for (const lane of this.#lanes) if (lane.trouble instanceof KafkaUnavailable) lane.hurry()
    this.#read()
  }

  get stopped(): boolean {
    return this.#stopped
  }

  /** Ends in order: what is in flight is waited for. */
  async finish(): Promise<void> {
    this.stop()
    await Promise.all(this.#sends)
    this.abort()
  }

  /** At once: somebody else leads. */
  abort(): void {
    this.stop()
    for (const lane of this.#lanes) lane.close()
  }

  /** Nothing more is sent. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #read(): void {
    if (this.#reading || this.#stopped) return
    const lanes = this.#lanes.filter((lane) => lane.readable)
    if (lanes.length === 0) return
    this.#reading = true
    for (const lane of lanes) lane.wanted = false
    const { pool, maintenance } = this.#options
    const complete = this.#complete.upTo
    this.#complete.follow()
    readLanes(this.#mayTakeLong ? maintenance : pool, lanes).then(
      (found) => this.#found(lanes, found, complete),
      (error: Error) => this.#readFailed(lanes, error),
    )
  }

  #found(lanes: readonly Lane[], found: readonly LaneRows[], complete: bigint | undefined): void {
    this.#reading = false
    this.#mayTakeLong = false
    if (this.#stopped) return
    let together: Chunk[] = []
    let bytes = 0
    for (const [i, lane] of lanes.entries()) {
      const { rows, more } = found[i]!
      lane.read(found[i]!, complete)
      if (more) lane.wanted = true
      lane.empty = rows.length === 0
      if (lane.empty) {
        // What it failed with is gone by another way, and must not keep the circuit open for ever.
        lane.trouble = undefined
        continue
      }
      lane.sending()
      if (lane.alone) {
        this.#start([{ lane, rows }])
        continue
      }
      together.push({ lane, rows })
      bytes += bytesOf(rows)
      if (bytes < enoughTogether) continue
      this.#start(together)
      together = []
      bytes = 0
    }
    if (together.length > 0) this.#start(together)
    this.#read()
  }

  #start(chunks: readonly Chunk[]): void {
    const send = this.#send(chunks).finally(() => this.#sends.delete(send))
    this.#sends.add(send)
  }

  #readFailed(lanes: readonly Lane[], error: Error): void {
    this.#options.logger.warn({ cause: error.message }, 'the outbox could not be read')
    this.#mayTakeLong = true
    for (const lane of lanes) lane.wanted = true
    this.#timer = setTimeout(() => {
      this.#reading = false
      this.#read()
    }, readRetryMs)
  }

  async #send(chunks: readonly Chunk[]): Promise<void> {
    const { schemas, circuit, deletions, metrics, logger, onPublished } = this.#options
    const producer = chunks[0]!.lane.producer
    try {
      await schemas.learn(new Set(chunks.flatMap(({ rows }) => rows.map((row) => row.fingerprint))))
      await producer.send(
        chunks.flatMap(({ lane, rows }) => rows.map((row) => recordOf(lane, row, schemas))),
        sendDeadlineMs,
      )
    } catch (error) {
      if (!this.#stopped) await this.#failed(chunks, error as Error)
      return
    }
    this.lastAcknowledged = performance.now()
    circuit.close()
    for (const { lane, rows } of chunks) {
      const { topic, partition } = lane
      if (lane.trouble) logger.info({ topic, partition }, 'a partition takes events again')
      lane.sent(rows)
      onPublished(rows)
      deletions.add(lane, rows)
      metrics.published.inc(rows.length)
    }
    this.#measure()
    this.#read()
  }

  /** One that Kafka refused, among several, is found by sending each by itself; the others are in the log twice then. */
  async #failed(chunks: readonly Chunk[], error: Error): Promise<void> {
    this.#options.metrics.failures.inc()
    for (const { lane, rows } of chunks) {
      if (chunks.length > 1 && !(error instanceof KafkaUnavailable)) lane.again(true)
      else await this.#laneFailed(lane, rows, error)
    }
    this.#read()
  }

  async #laneFailed(lane: Lane, rows: readonly OutboxRow[], error: Error): Promise<void> {
    const { circuit, logger } = this.#options
    const { topic, partition } = lane
    let trouble = error
    if (error instanceof RecordTooLarge) {
      if (rows.length > 1) return lane.halve(rows)
      try {
        await this.#setAside(rows[0]!, error)
        return lane.again()
      } catch (failure) {
        trouble = failure as Error
      }
    }
    if (error instanceof KafkaUnavailable) circuit.open(error)
    if (!lane.trouble) logger.warn({ topic, partition, cause: trouble.message }, 'a partition takes no events')
    lane.rest(trouble, () => {
      this.#measure()
      this.#read()
    })
    this.#measure()
  }

  /** Rule 9: nothing will make Kafka take it. Its key stands still, and somebody has to look at it. */
  async #setAside({ eventId, key }: OutboxRow, cause: Error): Promise<void> {
    await setAside(this.#options.pool, eventId, { cause: 'record-too-large', detail: cause.message })
    this.#options.metrics.setAside.inc()
    this.#options.logger.error(
      { alarm: 'outbox-set-aside', eventId, key: key?.toString(), cause: cause.message },
      'Kafka refuses an event for good: it is set aside, and the later events of its key wait behind it',
    )
  }

  #measure(): void {
    this.#options.metrics.resting.set(this.#lanes.filter((lane) => lane.resting).length)
  }
}

function recordOf({ topic, partition }: Lane, row: OutboxRow, schemas: SchemaIds): ProducerRecord {
  const { key, value, fingerprint, headers } = row
  const framed = fingerprint === null || value === null ? value : frame(schemas.idOf(fingerprint), value)
  return { topic, partition, key, value: framed, headers: decodeHeaders(headers) }
}
