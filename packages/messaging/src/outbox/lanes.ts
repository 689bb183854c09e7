import { backoffMs, sleep } from '@inorder/storage/retry.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { KafkaAccess } from '../kafka/access.ts'
import { KafkaUnavailable, RecordTooLarge } from '../kafka/errors.ts'
import { type ProducerRecord, SerialProducer } from '../kafka/producer.ts'
import { traceBatch } from '../kafka/spans.ts'
import { frame } from '../kafka/wire-format.ts'
import type { Circuit } from './circuit.ts'
import type { CompleteIds } from './complete-ids.ts'
import type { Deletions } from './deletions.ts'
import { decodeHeaders, storedTrail } from './headers.ts'
import { type Chunk, type Command, type Event, type Failure, type Lane, LaneTable } from './lane-table.ts'
import type { OutboxMetrics } from './metrics.ts'
import type { SchemaIds } from './schemas.ts'
import { type OutboxRow, readLanes, setAside } from './store.ts'

export interface LanesOptions {
  pool: Pool
  /** Of the same database, with a long deadline: for what looks at everything that waits. */
  maintenance: Pool
  brokers: string[]
  access?: KafkaAccess | undefined
  /** This process, `cart-2`: the `origin` of its rows. Two that run at once must not share it. */
  instance: string
  circuit: Circuit
  metrics: OutboxMetrics
  logger: Logger
  /** Kafka has acknowledged these. */
  onPublished(rows: readonly OutboxRow[]): void
  schemas: SchemaIds
  deletions: Deletions
  /** Knows its first id, or did not find it out in time. */
  complete: CompleteIds
}

// The client's own deadlines do not hold against a frozen broker. The first send after connecting takes up to 1.1 s.
const sendDeadlineMs = 3_000
const readRetryMs = 500
const lookMs = 100
/** Of a lane that Kafka or the registry refuses, or does not answer. */
const backoff = { firstMs: 100, longestMs: 2_000 }

/** Carries out what the table of lanes says, and tells it what came of that. */
export class Lanes {
  readonly table: LaneTable
  readonly #options: LanesOptions
  readonly #producers: ReadonlyMap<Lane, SerialProducer>
  readonly #sends = new Set<Promise<void>>()
  readonly #ended = new AbortController()
  readonly #looks: NodeJS.Timeout
  /** The first read may have to step over all that was ever published; one that failed may have been too long. */
  #mayTakeLong = true
  /** `performance.now()` of Kafka's last acknowledgement. */
  lastAcknowledged = Number.NEGATIVE_INFINITY

  constructor(options: LanesOptions, partitions: ReadonlyMap<string, number>) {
    this.#options = options
    this.table = new LaneTable(partitions)
    this.#looks = setInterval(() => this.tell({ type: 'look' }), lookMs)
    const { brokers, access, instance, metrics } = options
    const cluster = { brokers, access, clientId: `${instance}-relay`, metrics: metrics.registry }
    this.#producers = new Map(this.table.lanes.map((lane) => [lane, new SerialProducer(cluster, lane.partition)]))
  }

  /** Ends in order: what is in flight is waited for, and what of it is acknowledged deleted. */
  async finish(): Promise<void> {
    this.stop()
    await Promise.all(this.#sends)
    await this.#options.deletions.flush()
    this.abort()
  }

  /** At once: somebody else leads. */
  abort(): void {
    this.stop()
    for (const producer of this.#producers.values()) producer.close()
  }

  /** Nothing more is sent. */
  stop(): void {
    this.tell({ type: 'dropped' })
    clearInterval(this.#looks)
    this.#ended.abort()
  }

  isAcknowledged(eventId: string): boolean {
    return this.table.lanes.some(({ acknowledged }) => acknowledged.has(eventId))
  }

  tell(event: Event): void {
    for (const command of this.table.on(event)) this.#carryOut(command)
    this.#options.metrics.inBackoff.set(this.table.lanes.filter(({ state }) => state === 'backoff').length)
  }

  #carryOut(command: Command): void {
    if (command.do === 'read') void this.#read(command.lanes)
    else if (command.do === 'set aside') void this.#setAside(command)
    else if (command.do === 'back off') this.#backOff(command)
    else {
      const send = this.#send(command.chunks).finally(() => this.#sends.delete(send))
      this.#sends.add(send)
    }
  }

  #backOff({ lane, failures, cause }: Extract<Command, { do: 'back off' }>): void {
    if (failures === 1) this.#options.logger.warn({ ...nameOf(lane), cause }, 'a partition takes no events')
    void this.#tellLater(backoffMs(failures, backoff), { type: 'retry', lane, failures })
  }

  async #tellLater(ms: number, event: Event): Promise<void> {
    await sleep(ms, this.#ended.signal)
    this.tell(event)
  }

  async #read(lanes: readonly Lane[]): Promise<void> {
    const { pool, maintenance, logger, complete: ids } = this.#options
    const complete = ids.upTo
    ids.follow()
    try {
      const found = await readLanes(this.#mayTakeLong ? maintenance : pool, lanes)
      this.#mayTakeLong = false
      this.tell({ type: 'read', lanes, found, complete })
    } catch (error) {
      logger.warn({ err: error }, 'the outbox could not be read: it is tried again')
      this.#mayTakeLong = true
      void this.#tellLater(readRetryMs, { type: 'not read', lanes })
    }
  }

  async #send(chunks: readonly Chunk[]): Promise<void> {
    const { schemas, circuit, deletions, metrics, logger, onPublished } = this.#options
    const rows = chunks.flatMap((chunk) => chunk.rows)
    const begun = performance.now()
    try {
      await schemas.learn(new Set(rows.map(({ fingerprint }) => fingerprint)))
      const records = chunks.flatMap((chunk) => chunk.rows.map((row) => recordOf(chunk.lane, row, schemas)))
      if (this.table.dropped) return
      // The producer of its first lane: a lane is in one request at a time, so each producer is as well.
      await this.#producers.get(chunks[0]!.lane)!.send(records, sendDeadlineMs)
    } catch (error) {
      if (this.table.dropped) return
      metrics.failures.inc()
      if (error instanceof KafkaUnavailable) circuit.open(error)
      this.tell({ type: 'failed', chunks, failure: failureOf(error), cause: (error as Error).message })
      return
    }
    this.lastAcknowledged = performance.now()
    circuit.close()
    metrics.published.inc(rows.length)
    for (const { lane } of chunks) if (lane.failures > 0) logger.info(nameOf(lane), 'a partition takes events again')
    onPublished(rows)
    traceBatch('relay', begun, rows, tracedOf)
    deletions.add(chunks)
    this.tell({ type: 'acknowledged', chunks })
  }

  /** Rule 9: nothing will make Kafka take it. Its key stands still, and somebody has to look at it. */
  async #setAside({ chunk, cause }: Extract<Command, { do: 'set aside' }>): Promise<void> {
    const { pool, logger } = this.#options
    const { eventId, key } = chunk.rows[0]!
    try {
      await setAside(pool, eventId, { cause: 'record-too-large', detail: cause })
    } catch (error) {
      this.tell({ type: 'failed', chunks: [chunk], failure: 'refused', cause: (error as Error).message })
      return
    }
    logger.error(
      { alarm: 'outbox-set-aside', eventId, key: key?.toString(), cause },
      'Kafka refuses an event for good: it is set aside, and the later events of its key wait behind it',
    )
    this.tell({ type: 'retry', lane: chunk.lane, failures: chunk.lane.failures })
  }
}

const tracedOf = ({ key, headers }: OutboxRow) => ({ key: key?.toString() ?? '', ...storedTrail(headers) })

const nameOf = ({ topic, partition }: Lane) => ({ topic, partition })

function failureOf(error: unknown): Failure {
  if (error instanceof KafkaUnavailable) return 'unavailable'
  return error instanceof RecordTooLarge ? 'too large' : 'refused'
}

function recordOf({ topic, partition }: Lane, row: OutboxRow, schemas: SchemaIds): ProducerRecord {
  const { key, value, fingerprint, headers } = row
  const framed = fingerprint === null || value === null ? value : frame(schemas.idOf(fingerprint), value)
  return { topic, partition, key, value: framed, headers: decodeHeaders(headers) }
}
