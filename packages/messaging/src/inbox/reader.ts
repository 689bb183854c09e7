import { setTimeout as pause } from 'node:timers/promises'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { TopicConsumer } from '../kafka/consumer.ts'
import { KafkaAway, KafkaRefused } from '../kafka/errors.ts'
import type { OpenTransaction, RecordStream } from '../kafka/record-stream.ts'
import { Applier, backoffMs } from './applier.ts'
import type { BatchContext } from './apply.ts'
import { type BatchResult, Hole } from './batch.ts'
import { type LogCheck, TopicReplaced } from './log-check.ts'

const tellKafkaMs = 1_000
const checkLogMs = 2_000
/** A transaction takes moments, and Kafka ends one that is left alone after a minute (its producer may say 15). */
const longTransactionSeconds = 10
const sameAlarmMs = 60_000

export interface ReaderOptions<State, Event> {
  pool: Pool
  source: TopicConsumer
  log: LogCheck
  context: BatchContext<State, Event>
  logger: Logger
  /** After each commit. */
  onCommitted(result: BatchResult<State, Event>, seconds: number): void
  /** The starts of what was assigned are checked against the positions: from here on it reads. */
  onAssigned(topicId: string): void
  onRetry(): void
  /** Every few seconds: the open transactions that hold reading up. */
  onOpenTransactions(open: readonly OpenTransaction[]): void
}

/** Reads the topic for ever: opens the stream, again whenever it ends; checks where it starts; has it applied. */
export class Reader<State, Event> {
  readonly #options: ReaderOptions<State, Event>
  readonly #ending = new AbortController()
  readonly #applier: Applier<State, Event>
  #stream: RecordStream | undefined
  #running: Promise<void> | undefined
  #away = false
  /** `performance.now()` of a partition's last alarm. */
  readonly #toldOpen = new Map<number, number>()
  /** Positions that Kafka is not told yet. */
  #untold = new Map<number, bigint>()

  constructor(options: ReaderOptions<State, Event>) {
    this.#options = options
    const { pool, context, logger, onRetry } = options
    this.#applier = new Applier({
      pool,
      context,
      logger,
      ending: this.#ending.signal,
      check: async (stream, odd) => {
        await this.#checkStarts(stream)
        if (odd) await this.#checkLog(stream)
      },
      onCommitted: (result, seconds) => {
        for (const [partition, next] of result.positions) this.#untold.set(partition, next)
        options.onCommitted(result, seconds)
      },
      onRetry,
    })
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Partitions of this member that stand still, because records above their positions are gone from the log. */
  get stopped(): readonly number[] {
    return [...(this.#stream?.stopped ?? [])]
  }

  /** Partitions of this member whose batch has been tried again for 15 s. */
  get stalled(): readonly { partition: number; seconds: number }[] {
    return this.#applier.stalls.due
  }

  /** Kafka did not answer when it was asked last. */
  get away(): boolean {
    return this.#away
  }

  /** Resolves when the batch under way is committed or given up, and the group is left. */
  async close(): Promise<void> {
    const { source, logger } = this.#options
    this.#ending.abort()
    this.#stream?.fail(new Error('closing'))
    await this.#running
    await source.close().catch((error) => logger.debug({ err: error }, 'the consumer did not close in order'))
  }

  async #run(): Promise<void> {
    const { logger } = this.#options
    const telling = setInterval(() => void this.#tellKafka(), tellKafkaMs)
    const watching = setInterval(() => void this.#watchLog(), checkLogMs)
    for (let failures = 0; !this.#ended; ) {
      try {
        this.#stream = await this.#open()
        await this.#applier.run(this.#stream, () => {
          failures = 0
        })
      } catch (error) {
        if (this.#ended) break
        logger.warn({ err: error, failures }, 'reading stopped, and starts again')
        if (error instanceof Hole || error instanceof TopicReplaced) this.#applier.stalls.clear()
        if (error instanceof Hole && this.#stream) await this.#rewind(this.#stream)
        await this.#pause(backoffMs(failures++))
      }
      if (!this.#ended) await this.#closeStream()
    }
    clearInterval(telling)
    clearInterval(watching)
    await this.#tellKafka()
    await this.#closeStream()
  }

  async #open(): Promise<RecordStream> {
    try {
      return await this.#unlessEnded(this.#options.source.open())
    } catch (error) {
      this.#away = !(error instanceof KafkaRefused)
      throw error
    }
  }

  /** Rule 13: a start ahead of the position would skip what lies between. */
  async #checkStarts(stream: RecordStream): Promise<void> {
    const { starts } = stream
    if (!starts) return
    const { log, logger, onAssigned } = this.#options
    const { right, lost, cut } = await log.standing(stream.topicId, starts.keys())
    if (cut) throw new Hole('the log is shorter than it was')
    const ahead = [...starts].filter(([partition, start]) => start > right.get(partition)!)
    if (ahead.length > 0)
      throw new Hole(`partitions ${ahead.map(([p]) => p).join(', ')} start ahead of their positions`)
    for (const partition of lost)
      logger.error(
        { alarm: 'inbox-records-lost', partition },
        'records above the position are gone: the partition stands still until an operator accepts the loss',
      )
    stream.startsChecked(starts, lost)
    this.#applier.stalls.keepOnly(new Set(starts.keys()))
    this.#away = false
    onAssigned(stream.topicId)
  }

  /** Rule 19: whether the log is still the one, and as long, as the stream takes it to be. */
  async #checkLog(stream: RecordStream): Promise<void> {
    const { reached } = stream
    const { lost, cut, ends, partitions } = await this.#options.log.standing(stream.topicId, reached.keys())
    if (cut || [...reached].some(([partition, next]) => next > (ends[partition] ?? 0n)))
      throw new Hole('the log is shorter than it was')
    if (lost.symmetricDifference(stream.stopped).size > 0) throw new Hole('other partitions than before lack records')
    if (partitions !== stream.partitions) throw new Hole(`the topic has ${partitions} partitions now`)
  }

  /** The same when nothing is read: a stopped partition goes on, a new topic or partition is seen. */
  async #watchLog(): Promise<void> {
    this.#applier.stalls.tell()
    const stream = this.#stream
    if (!stream || stream.starts) return
    this.#tellOpen(stream.openTransactions)
    try {
      await this.#checkLog(stream)
      this.#away = false
    } catch (error) {
      this.#away = error instanceof KafkaAway
      if (error instanceof Hole || error instanceof TopicReplaced) stream.fail(error)
      else this.#options.logger.debug({ err: error }, 'the log could not be asked for')
    }
  }

  /** Nothing behind its first record is applied before it ends, and a producer that is gone may leave it open for ever. */
  #tellOpen(open: readonly OpenTransaction[]): void {
    this.#options.onOpenTransactions(open)
    for (const { partition, offset, seconds } of open) {
      const now = performance.now()
      if (seconds < longTransactionSeconds || now - (this.#toldOpen.get(partition) ?? -sameAlarmMs) < sameAlarmMs)
        continue
      this.#toldOpen.set(partition, now)
      this.#options.logger.error(
        { alarm: 'inbox-open-transaction', partition, offset: Number(offset), seconds: Math.round(seconds) },
        'somebody has a transaction open in the topic: what stands behind it waits. If its producer is gone, abort it',
      )
    }
  }

  /** Tells Kafka the positions, so that the stream opened next starts there. */
  async #rewind(stream: RecordStream): Promise<void> {
    const { source, log, logger } = this.#options
    try {
      await source.commit((await log.standing(stream.topicId, stream.reached.keys())).right)
    } catch (error) {
      logger.warn({ err: error }, 'Kafka was not told where to start again')
    }
  }

  /** For lag tools only. */
  async #tellKafka(): Promise<void> {
    const untold = this.#untold
    if (untold.size === 0) return
    this.#untold = new Map()
    const { source, logger } = this.#options
    try {
      await source.commit(untold)
    } catch (error) {
      logger.debug({ err: error }, 'Kafka was not told the positions')
      this.#untold = new Map([...untold, ...this.#untold])
    }
  }

  async #closeStream(): Promise<void> {
    const { logger } = this.#options
    await this.#stream?.close().catch((error) => logger.debug({ err: error }, 'the stream did not close in order'))
    this.#stream = undefined
  }

  /** Joining may take long where a broker is frozen; what is joined then is left in `close`. */
  async #unlessEnded<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#ending
    const { promise, reject } = Promise.withResolvers<never>()
    const onAbort = () => reject(new Error('closing'))
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([work, promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  get #ended(): boolean {
    return this.#ending.signal.aborted
  }

  /** Until then, or until the reader ends. */
  async #pause(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.#ending.signal }).catch(() => undefined)
  }
}
