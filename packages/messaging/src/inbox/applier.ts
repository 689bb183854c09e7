// From the stream into the database: takes what was read, decodes and commits it, again and again where that fails. Of a
// partition the next records are taken when the last are committed.
import { backoffMs, retry, sleep } from '@inorder/storage/retry.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { RecordStream } from '../kafka/record-stream.ts'
import type { BatchContext } from './apply.ts'
import { type BatchResult, OffsetGap } from './batch.ts'
import { Committer, PartitionsStuck } from './commit.ts'
import { type Entry, entryOf } from './key-state.ts'
import { TopicReplaced } from './log-check.ts'
import type { InboxMetrics } from './metrics.ts'
import { InboxPaused, isInboxPaused } from './pauses.ts'
import { Stalls } from './stalls.ts'
import { standstills, stuckOf, type Work, without } from './work.ts'

const maxRecords = 1_000
/**
 * A batch of a few records costs nearly as much as one of a hundred. So after one of less than so many the reader waits
 * for twice the time that it took, and under load the next one is larger; after a silence a record is taken at once.
 */
const enoughRecords = 300
const throttleFactor = 2
const longestThrottleMs = 10
/** A pause that another instance has ended is over for us after so long. */
const pausedPollMs = 500
/** Batches under way at once, each of partitions of its own: one is decoded while the other is in the database. */
const batchesAtOnce = 2
export const backoff = { firstMs: 100, longestMs: 5_000 }

interface ApplierOptions<State, Event> {
  pool: Pool
  context: BatchContext<State, Event>
  logger: Logger
  metrics: InboxMetrics
  ending: AbortSignal
  /** Before records are applied: whether they are those that the positions ask for. `outOfSequence`: offsets are missing, or came twice. */
  check(stream: RecordStream, outOfSequence: boolean): Promise<void>
  /** After each commit. */
  onCommitted(result: BatchResult<State, Event>, seconds: number): void
}

export class Applier<State, Event> {
  readonly stalls: Stalls
  readonly #options: ApplierOptions<State, Event>
  readonly #committer: Committer<State, Event>
  /** Batches of partitions that are stuck. */
  #again: Work<Event>[] = []
  /** `performance.now()` until which no small batch is taken. */
  #throttledUntil = 0

  constructor(options: ApplierOptions<State, Event>) {
    const { pool, context, logger } = options
    this.#options = options
    this.#committer = new Committer(pool, context)
    this.stalls = new Stalls(context.topic.name, logger)
  }

  /** Until the stream fails, or the reader ends. `onDone`: a batch went through. */
  async run(stream: RecordStream, onDone: () => void): Promise<void> {
    this.#again = []
    const worker = async () => {
      try {
        for (let work = await this.#next(stream); work; work = await this.#next(stream)) {
          const begun = performance.now()
          const rest = await this.#apply(stream, work)
          const ended = performance.now()
          const throttleMs = Math.min(throttleFactor * (ended - begun), longestThrottleMs)
          if (work.taken.records.length < enoughRecords) this.#throttledUntil = ended + throttleMs
          if (rest) this.#again.push(rest)
          stream.done(rest ? without(work.taken, rest.taken) : work.taken)
          onDone()
        }
      } catch (error) {
        stream.fail(error as Error)
        throw error
      }
    }
    const ends = await Promise.allSettled(Array.from({ length: batchesAtOnce }, worker))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }

  /**
   * What is due again, or the next records; undefined at the end. None at all when there is nothing but a new assignment
   * to check.
   */
  async #next(stream: RecordStream): Promise<Work<Event> | undefined> {
    while (!this.#ended) {
      const throttleMs = this.#throttledUntil - performance.now()
      if (throttleMs > 0) {
        await sleep(throttleMs, this.#options.ending)
        continue
      }
      const [first] = this.#again.sort((a, b) => a.dueAt - b.dueAt)
      const waitMs = first ? first.dueAt - performance.now() : Number.POSITIVE_INFINITY
      stream.assertUsable()
      if (waitMs <= 0) return this.#again.shift()
      const taken = stream.take(maxRecords)
      if (taken.spans.size > 0 || taken.outOfSequence || stream.starts)
        return { taken, stored: new Map(), failures: 0, dueAt: 0 }
      await this.#changedWithin(waitMs, stream)
    }
    return undefined
  }

  /** Gives what is left where some partitions are stuck: the others shall not wait for them. */
  async #apply(stream: RecordStream, work: Work<Event>): Promise<Work<Event> | undefined> {
    const { context } = this.#options
    const { taken } = work
    if (!work.entries)
      await this.#untilDone('decoding', stream, work, async () => {
        const decoded = await context.decoder.decodeAll(stream.topicId, taken.records)
        work.entries = decoded.map((record) => entryOf(record))
      })
    for (;;) {
      try {
        await this.#untilDone('applying', stream, work, async () => {
          await this.#options.check(stream, taken.outOfSequence)
          if (work.entries && taken.spans.size > 0) await this.#commit(stream, work, work.entries)
        })
        return undefined
      } catch (error) {
        if (error instanceof PartitionsStuck)
          return { ...stuckOf(work, error), dueAt: performance.now() + backoffMs(work.failures, backoff) }
        if (!(error instanceof InboxPaused)) throw error
        await this.#whilePaused(stream, work)
      }
    }
  }

  /** Rule 25. It is no failure, and no alarm; a new assignment is checked all the same, so that the service stays ready. */
  async #whilePaused(stream: RecordStream, { taken }: Work<Event>): Promise<void> {
    const { pool, logger, ending } = this.#options
    this.stalls.clear()
    const partitions = [...taken.spans.keys()]
    logger.info({ partitions }, 'the inbox is paused: nothing is applied until that ends, see GET /ops/pauses')
    while (!this.#ended && !stream.starts && (await isInboxPaused(pool).catch(() => true))) {
      await sleep(pausedPollMs, ending)
      stream.assertUsable()
    }
  }

  async #commit({ topicId }: RecordStream, work: Work<Event>, entries: readonly Entry<Event>[]): Promise<void> {
    const { spans } = work.taken
    const begin = performance.now()
    const onCommitted = (result: BatchResult<State, Event>) => {
      for (const [partition, next] of result.positions) {
        work.stored.set(partition, next)
        this.stalls.moved(partition)
      }
      this.#options.onCommitted(result, (performance.now() - begin) / 1000)
    }
    const isolate = this.stalls.toIsolate(spans.keys())
    await this.#committer.commit({ topicId, entries, spans }, onCommitted, isolate)
    for (const partition of spans.keys()) this.stalls.moved(partition)
  }

  /**
   * Again and again until it succeeds. Thrown is what holds up single partitions, and what makes the stream useless; the log
   * is compared with it meanwhile, so that a batch whose records are gone, or are others now, is not tried for ever, and at
   * last applied.
   */
  async #untilDone(what: string, stream: RecordStream, work: Work<Event>, step: () => Promise<void>): Promise<void> {
    const { logger, metrics, ending } = this.#options
    const attempt = async () => {
      stream.assertUsable()
      await step()
    }
    const onFailure = (error: unknown) => {
      stream.assertUsable()
      if (error instanceof OffsetGap || error instanceof TopicReplaced || error instanceof InboxPaused) throw error
      metrics.retries.inc()
      const stuck = standstills(stream.topicId, work, error)
      for (const { partition, at, error: cause } of stuck) this.stalls.failed(partition, at, cause)
      const where = stuck.map(({ partition, at }) => ({ partition, ...at }))
      logger.warn({ err: error, failures: work.failures++, where }, `${what} a batch failed, and is tried again`)
      if (error instanceof PartitionsStuck) throw error
    }
    await retry(attempt, { ...backoff, signal: ending, onFailure })
  }

  /** Resolves when there may be more to take, or after so long. */
  async #changedWithin(ms: number, stream: RecordStream): Promise<void> {
    if (ms === Number.POSITIVE_INFINITY) return stream.changed()
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ms)
    await Promise.race([stream.changed(), promise])
    clearTimeout(timer)
  }

  get #ended(): boolean {
    return this.#options.ending.aborted
  }
}
