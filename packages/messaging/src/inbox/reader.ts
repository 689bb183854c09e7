import { setTimeout as pause } from 'node:timers/promises'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { TopicConsumer } from '../kafka/consumer.ts'
import { KafkaAway, KafkaRefused } from '../kafka/errors.ts'
import type { OpenTransaction, RecordStream, Taken } from '../kafka/record-stream.ts'
import { type BatchContext, type BatchResult, commitBatch, Hole } from './batch.ts'
import { type LogCheck, TopicReplaced } from './log-check.ts'

const maxRecords = 1_000
/**
 * A batch of a few records costs nearly as much as one of a hundred. So after one of less than so many the reader rests
 * for twice the time that it took, and under load the next one is larger; after a silence a record is taken at once.
 */
const enoughRecords = 300
const restFactor = 2
const longestRestMs = 10
/** Batches under way at once, each of partitions of its own: one is decoded while the other is in the database. */
const lanes = 2
const longestBackoffMs = 5_000
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

/**
 * Reads the topic for ever: opens the stream, again whenever it ends; checks where it starts; applies batch after batch.
 * Of a partition the next records are taken when the last are committed.
 */
export class Reader<State, Event> {
  readonly #options: ReaderOptions<State, Event>
  readonly #ending = new AbortController()
  #stream: RecordStream | undefined
  #running: Promise<void> | undefined
  /** `performance.now()` of the end of the rest. */
  #restsUntil = 0
  #away = false
  /** `performance.now()` of a partition's last alarm. */
  readonly #toldOpen = new Map<number, number>()
  /** Positions that Kafka is not told yet. */
  #untold = new Map<number, bigint>()

  constructor(options: ReaderOptions<State, Event>) {
    this.#options = options
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Partitions of this member that stand still, because records above their positions are gone from the log. */
  get stopped(): readonly number[] {
    return [...(this.#stream?.stopped ?? [])]
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
        await this.#read(this.#stream, () => {
          failures = 0
        })
      } catch (error) {
        if (this.#ended) break
        logger.warn({ err: error, failures }, 'reading stopped, and starts again')
        if (error instanceof Hole && this.#stream) await this.#rewind(this.#stream)
        await this.#backoff(failures++)
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

  async #read(stream: RecordStream, onCommitted: () => void): Promise<void> {
    const lane = async () => {
      try {
        for (let taken = await this.#take(stream); taken; taken = await this.#take(stream)) {
          const begun = performance.now()
          await this.#apply(stream, taken)
          const ended = performance.now()
          const restMs = Math.min(restFactor * (ended - begun), longestRestMs)
          if (taken.records.length < enoughRecords) this.#restsUntil = ended + restMs
          stream.done(taken)
          onCommitted()
        }
      } catch (error) {
        stream.fail(error as Error)
        throw error
      }
    }
    const ends = await Promise.allSettled(Array.from({ length: lanes }, lane))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }

  /** The next records; undefined at the end. None at all when there is nothing but a new assignment to check. */
  async #take(stream: RecordStream): Promise<Taken | undefined> {
    while (!this.#ended) {
      const restMs = this.#restsUntil - performance.now()
      if (restMs > 0) {
        await this.#pause(restMs)
        continue
      }
      const taken = stream.take(maxRecords)
      if (taken.spans.size > 0 || taken.odd || stream.starts) return taken
      await stream.changed()
    }
    return undefined
  }

  async #apply(stream: RecordStream, { records, spans, odd }: Taken): Promise<void> {
    const { pool, context, onCommitted } = this.#options
    const { topicId } = stream
    const entries = await this.#untilDone(stream, 'decoding', () => context.decoder.entries(topicId, records))
    await this.#untilDone(stream, 'applying', async () => {
      await this.#checkStarts(stream)
      if (odd) await this.#checkLog(stream)
      if (!entries || spans.size === 0) return
      const begin = performance.now()
      await commitBatch(pool, { topicId, entries, spans }, context, (result) => {
        for (const [partition, next] of result.positions) this.#untold.set(partition, next)
        onCommitted(result, (performance.now() - begin) / 1000)
      })
    })
  }

  /**
   * Again and again until it succeeds. Thrown is only what makes the stream useless; the log is compared with it meanwhile,
   * so that a batch whose records are gone, or are others now, is not tried for ever, and at last applied. Undefined: it
   * ended before.
   */
  async #untilDone<T>(stream: RecordStream, what: string, work: () => Promise<T>): Promise<T | undefined> {
    const { logger, onRetry } = this.#options
    for (let failures = 0; !this.#ended; failures++) {
      try {
        return await work()
      } catch (error) {
        if (error instanceof Hole || error instanceof TopicReplaced) throw error
        onRetry()
        logger.warn({ err: error, failures }, `${what} failed, and is tried again`)
        await this.#backoff(failures)
        if (!this.#ended) stream.assertUsable()
      }
    }
    return undefined
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

  async #backoff(failures: number): Promise<void> {
    await this.#pause(Math.min(longestBackoffMs, 100 * 2 ** failures) * (0.5 + Math.random() / 2))
  }

  /** Until then, or until the reader ends. */
  async #pause(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.#ending.signal }).catch(() => undefined)
  }
}
