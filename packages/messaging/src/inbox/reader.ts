// Reads the topic for ever.
//
//   opening -> comparing starts -> reading -> closing -> opening
//                  | ok, stop        | ok, stop: reading goes on (stopped partitions stand still)
//                  '-- rewind -------'-- commit the positions to Kafka, wait, close, open
//                  '-- reopen -------'-- wait, close, open (another topic, or an error)
//
// The log is compared with the stream and the positions (log-verdict.ts) at each assignment, where offsets are missing or
// come twice, and every few seconds.
import { backoffMs, sleep, unlessAborted } from '@inorder/storage/retry.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import { isDenial } from '../kafka/access-denied.ts'
import type { TopicConsumer } from '../kafka/consumer.ts'
import { KafkaRefused, KafkaUnavailable } from '../kafka/errors.ts'
import type { RecordStream } from '../kafka/record-stream.ts'
import { Applier, backoff } from './applier.ts'
import type { BatchContext } from './apply.ts'
import { type BatchResult, OffsetGap } from './batch.ts'
import { Lag, type PartitionLag } from './lag.ts'
import { type LogCheck, TopicReplaced } from './log-check.ts'
import { rightStart, verdictOf } from './log-verdict.ts'
import type { InboxMetrics } from './metrics.ts'
import { OpenTransactions } from './open-transactions.ts'

const commitOffsetsMs = 1_000
const checkLogMs = 2_000

interface ReaderOptions<State, Event> {
  pool: Pool
  source: TopicConsumer
  log: LogCheck
  context: BatchContext<State, Event>
  logger: Logger
  metrics: InboxMetrics
  /** After each commit. */
  onCommitted(result: BatchResult<State, Event>, seconds: number): void
}

export class Reader<State, Event> {
  readonly #options: ReaderOptions<State, Event>
  readonly #ending = new AbortController()
  readonly #applier: Applier<State, Event>
  readonly #ready = Promise.withResolvers<void>()
  readonly #lag = new Lag()
  readonly #openTransactions: OpenTransactions
  #stream: RecordStream | undefined
  #topicId: string | undefined
  #running: Promise<void> | undefined
  #unavailable = false
  /** Positions that are not committed to Kafka yet. */
  #uncommitted = new Map<number, bigint>()

  constructor(options: ReaderOptions<State, Event>) {
    this.#options = options
    this.#openTransactions = new OpenTransactions(options.logger, options.metrics)
    this.#applier = new Applier({
      ...options,
      ending: this.#ending.signal,
      check: async (stream, outOfSequence) => {
        // First where it begins; then, once that is right, how far it has come.
        if (stream.starts) await this.#compare(stream)
        if (outOfSequence) await this.#compare(stream)
      },
      onCommitted: (result, seconds) => {
        for (const [partition, next] of result.positions) this.#uncommitted.set(partition, next)
        options.onCommitted(result, seconds)
      },
    })
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Resolves when what was assigned first is known to be read from the right place. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  /** Partitions of this member that stand still, because records above their positions are gone from the log. */
  get stopped(): readonly number[] {
    return [...(this.#stream?.stopped ?? [])]
  }

  /** Partitions of this member whose batch has been tried again for 15 s. */
  get stalled(): readonly { partition: number; seconds: number }[] {
    return this.#applier.stalls.due
  }

  /** How far behind it is in the partitions of this member. */
  get lag(): PartitionLag[] {
    return this.#stream && !this.#stream.starts ? this.#lag.of(this.#stream) : []
  }

  /** Of the topic that is read, once what was assigned of it is known to be read from the right place. */
  get topicId(): string | undefined {
    return this.#topicId
  }

  /** Kafka was not reached yet, or did not answer when it was asked last. */
  get unavailable(): boolean {
    return this.#topicId === undefined || this.#unavailable
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
    const committing = setInterval(() => void this.#commitOffsets(), commitOffsetsMs)
    const watching = setInterval(() => void this.#watchLog(), checkLogMs)
    for (let failures = 0; !this.#ended; ) {
      try {
        this.#stream = await this.#open()
        await this.#applier.run(this.#stream, () => {
          failures = 0
        })
      } catch (error) {
        if (this.#ended) break
        // Of what is denied there is an alarm.
        logger[isDenial(error) ? 'debug' : 'warn'](
          { err: error, failures },
          'reading the topic failed, and begins again with backoff',
        )
        if (error instanceof OffsetGap || error instanceof TopicReplaced) this.#applier.stalls.clear()
        if (error instanceof OffsetGap && this.#stream) await this.#rewind(this.#stream)
        await sleep(backoffMs(++failures, backoff), this.#ending.signal)
      }
      if (!this.#ended) await this.#closeStream()
    }
    clearInterval(committing)
    clearInterval(watching)
    await this.#commitOffsets()
    await this.#closeStream()
  }

  /** Joining may take long where a broker is frozen; what is joined then is left in `close`. */
  async #open(): Promise<RecordStream> {
    try {
      return await unlessAborted(this.#options.source.open(), this.#ending.signal)
    } catch (error) {
      this.#unavailable = !(error instanceof KafkaRefused)
      throw error
    }
  }

  /** Before records are applied, and every few seconds. Throws what makes the stream useless. */
  async #compare(stream: RecordStream): Promise<void> {
    const { log } = this.#options
    // As it is before the log is asked: under load the next records are read before that has answered where it ends.
    const { topicId, partitions, starts, reached, stopped } = stream
    const state = await log.state(topicId, (starts ?? reached).keys())
    const verdict = verdictOf(state, { topicId, partitions, starts, reached, stopped })
    switch (verdict.do) {
      case 'ok':
      case 'stop':
        this.#lag.compared(state)
        if (starts) this.#begin(stream, starts, verdict.do === 'stop' ? verdict.partitions : new Set())
        return
      case 'rewind':
        await log.forget(state, verdict.cut)
        throw new OffsetGap(verdict.why)
      case 'reopen':
        throw new TopicReplaced(verdict.why)
    }
  }

  /** What was assigned is read from where the positions ask for. */
  #begin(stream: RecordStream, starts: ReadonlyMap<number, bigint>, stopped: ReadonlySet<number>): void {
    const { logger, metrics } = this.#options
    for (const partition of stopped)
      logger.error(
        { alarm: 'inbox-records-lost', partition },
        'Kafka has deleted records that were not applied: the partition stands still until an operator accepts the loss, see POST /ops/positions/{partition}/accept-loss',
      )
    stream.startsChecked(starts, stopped)
    this.#applier.stalls.keepOnly(new Set(starts.keys()))
    metrics.stopped.set(stream.stopped.size)
    this.#unavailable = false
    this.#topicId = stream.topicId
    this.#ready.resolve()
  }

  /** The same when nothing is read: a stopped partition goes on, a new topic or partition is seen. */
  async #watchLog(): Promise<void> {
    this.#applier.stalls.tell()
    const stream = this.#stream
    if (!stream || stream.starts) return
    this.#openTransactions.tell(stream.openTransactions)
    try {
      await this.#compare(stream)
      this.#unavailable = false
    } catch (error) {
      this.#unavailable = error instanceof KafkaUnavailable
      if (error instanceof OffsetGap || error instanceof TopicReplaced) stream.fail(error)
      else this.#options.logger.debug({ err: error }, 'the log could not be asked for')
    }
  }

  /** Commits the positions to Kafka, so that the stream opened next starts there. */
  async #rewind(stream: RecordStream): Promise<void> {
    const { source, log, logger } = this.#options
    try {
      const partitions = [...stream.reached.keys()]
      const state = await log.state(stream.topicId, partitions)
      await source.commit(new Map(partitions.map((partition) => [partition, rightStart(state, partition)])))
    } catch (error) {
      logger.warn(
        { err: error },
        'the positions were not committed to Kafka: the stream may start ahead of them once more',
      )
    }
  }

  /** For lag tools only. */
  async #commitOffsets(): Promise<void> {
    const uncommitted = this.#uncommitted
    if (uncommitted.size === 0) return
    this.#uncommitted = new Map()
    const { source, logger } = this.#options
    try {
      await source.commit(uncommitted)
    } catch (error) {
      logger.debug({ err: error }, 'the positions were not committed to Kafka')
      this.#uncommitted = new Map([...uncommitted, ...this.#uncommitted])
    }
  }

  async #closeStream(): Promise<void> {
    const { logger } = this.#options
    await this.#stream?.close().catch((error) => logger.debug({ err: error }, 'the stream did not close in order'))
    this.#stream = undefined
  }

  get #ended(): boolean {
    return this.#ending.signal.aborted
  }
}
