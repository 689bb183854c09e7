import type { MessagesStream } from '@platformatic/kafka'
import { within } from './deadline.ts'
import { bytesOf } from './large-records.ts'
import type { LogConsumer, Unread } from './log-consumer.ts'
import type { SourceRecord, Span } from './record.ts'

export type Stream = MessagesStream<Buffer, Buffer, Buffer, Buffer>

const bufferedRecords = 2_000
const bufferedBytes = 2 * 1024 * 1024
const closeDeadlineMs = 1_500

export interface Taken {
  readonly records: SourceRecord[]
  readonly spans: ReadonlyMap<number, Span>
  /**
   * Offsets are missing in it (markers of transactions, or records that are gone), or came a second time (a rebalance, or
   * a log that was cut short): the client goes on without a word where the log begins when its offset is out of range.
   */
  readonly outOfSequence: boolean
}

/**
 * `size`: its bytes, counted once. `next`: the offset behind it, where that is not the one above its own: it stands for a
 * batch that cannot be read.
 */
type Buffered = SourceRecord & { readonly size: number; readonly next?: bigint }

/** An open transaction of somebody else: what stands behind its first record is read when it ends. */
export interface OpenTransaction {
  readonly partition: number
  readonly offset: bigint
  /** For how long it has been seen. */
  readonly seconds: number
}

/** The records of the partitions that are assigned to this member, in the order of each partition. */
export class RecordStream {
  readonly topicId: string
  /** How many partitions the topic had when the stream was opened; others than these are not read. */
  readonly partitions: number
  readonly #topic: string
  readonly #consumer: LogConsumer
  readonly #stream: Stream
  /** Where the next record handed out of a partition begins: everything below, from the stream's start, was handed out. */
  readonly #next = new Map<number, bigint>()
  readonly #buffer = new Map<number, Buffered[]>()
  /** By partition, what is handed out and not done. */
  readonly #out = new Map<number, readonly SourceRecord[]>()
  #stopped: ReadonlySet<number> = new Set()
  #starts: Map<number, bigint> | undefined
  #failure: Error | undefined
  #change = Promise.withResolvers<void>()

  constructor(topic: string, topicId: string, partitions: number, consumer: LogConsumer, stream: Stream) {
    this.#topic = topic
    this.topicId = topicId
    this.partitions = partitions
    this.#consumer = consumer
    this.#stream = stream
    stream.on('offsets', () => this.#assigned())
    stream.on('readable', () => this.#changed())
    // An answer without records may have passed transaction markers.
    stream.on('fetch', () => this.#changed())
    stream.on('error', (error) => this.fail(error))
    stream.on('close', () => this.fail(new Error('the stream was closed')))
    if (stream.destroyed) this.fail(stream.errored ?? new Error('the stream was closed'))
  }

  /**
   * The offset from which each assigned partition is read, after an assignment and until `startsChecked`: to be compared
   * with the positions before anything that `take` gave is applied.
   */
  get starts(): ReadonlyMap<number, bigint> | undefined {
    return this.#starts
  }

  /** How far each assigned partition is handed out. */
  get reached(): ReadonlyMap<number, bigint> {
    return new Map(this.#partitions().map((partition) => [partition, this.#next.get(partition) ?? 0n]))
  }

  /** Where reading has come to an open transaction. */
  get openTransactions(): OpenTransaction[] {
    return this.#partitions().flatMap((partition) => {
      const log = this.#consumer.ends.get(partition)
      if (!log || log.stable >= log.end || (this.#readTo(partition) ?? 0n) < log.stable) return []
      return [{ partition, offset: log.stable, seconds: (performance.now() - log.since) / 1000 }]
    })
  }

  /** The first record of a partition from this offset on that is in hand and not done. */
  firstFrom(partition: number, offset: bigint): SourceRecord | undefined {
    this.#fill()
    // What it has taken out of the stream is announced by nobody else.
    this.#changed()
    const isMeant = (record: SourceRecord) => record.partition === partition && record.offset >= offset
    return this.#out.get(partition)?.find(isMeant) ?? this.#buffer.get(partition)?.find(isMeant)
  }

  /** Where the log ended when it was read last. */
  endOf(partition: number): bigint {
    return this.#consumer.ends.get(partition)?.end ?? 0n
  }

  /** `stopped`: of these partitions nothing is handed out. */
  startsChecked(starts: ReadonlyMap<number, bigint>, stopped: ReadonlySet<number>): void {
    this.#stopped = stopped
    for (const partition of stopped) this.#buffer.delete(partition)
    if (this.#starts === starts) this.#starts = undefined
  }

  get stopped(): ReadonlySet<number> {
    return this.#stopped
  }

  /**
   * What has been read of partitions that are not out already, without waiting; they are out until `done`.
   * Partitions whose log goes on without records come as a span alone.
   */
  take(maxRecords: number): Taken {
    this.assertUsable()
    this.#fill()
    const records: SourceRecord[] = []
    const spans = new Map<number, Span>()
    let outOfSequence = false
    for (const [partition, buffered] of this.#buffer) {
      if (this.#out.has(partition) || buffered.length === 0) continue
      const from = this.#next.get(partition) ?? buffered[0]!.offset
      // After a rebalance the stream begins at the committed offset again: what was handed out is dropped.
      for (const record of buffered.splice(0, maxRecords - records.length)) {
        const next = spans.get(partition)?.next ?? from
        if (record.offset !== next) outOfSequence = true
        if (record.offset < next) continue
        records.push(record)
        spans.set(partition, { from, next: record.next ?? record.offset + 1n })
      }
      if (records.length >= maxRecords) break
    }
    if (this.#stream.readableLength === 0 && this.#addRest(spans)) outOfSequence = true
    for (const [partition, { next }] of spans) {
      this.#next.set(partition, next)
      this.#out.set(partition, records)
    }
    return { records, spans, outOfSequence }
  }

  /** What `take` gave is applied. */
  done({ spans }: Taken): void {
    for (const partition of spans.keys()) this.#out.delete(partition)
    this.#changed()
  }

  #fill(): void {
    let count = 0
    let bytes = 0
    for (const records of this.#buffer.values()) {
      count += records.length
      for (const { size } of records) bytes += size
    }
    while (count < bufferedRecords && bytes < bufferedBytes) {
      const message = this.#stream.read()
      if (message === null) return
      const { partition, offset, timestamp, key = null, value = null, headerEntries: headers } = message
      if (this.#stopped.has(partition)) continue
      const { reference, next } = message.metadata as Partial<Unread>
      const size = bytesOf({ key, value, headers })
      const read = { partition, offset, timestamp, key, value, headers, size }
      const record: Buffered = reference && next ? { ...read, reference, next } : read
      const buffered = this.#buffer.get(partition)
      if (buffered) buffered.push(record)
      else this.#buffer.set(partition, [record])
      count++
      bytes += size
    }
  }

  /** Where a partition's log goes on behind its last record, there is nothing for us: markers of transactions. */
  #addRest(spans: Map<number, Span>): boolean {
    let added = false
    for (const partition of this.#partitions()) {
      if (this.#stopped.has(partition) || this.#out.has(partition) || (this.#buffer.get(partition)?.length ?? 0) > 0)
        continue
      const taken = spans.get(partition)
      const from = taken?.from ?? this.#next.get(partition)
      const next = this.#readTo(partition)
      if (from !== undefined && next !== undefined && next > (taken?.next ?? from)) {
        spans.set(partition, { from, next })
        added = true
      }
    }
    return added
  }

  /** Resolves when there may be more to take. */
  changed(): Promise<void> {
    return this.#change.promise
  }

  /** Throws what makes this stream useless: what was taken may not be what stands in the log any more. */
  assertUsable(): void {
    if (this.#failure) throw this.#failure
  }

  /** From now on `take` throws this. */
  fail(error: Error): void {
    this.#failure ??= error
    this.#changed()
  }

  async close(): Promise<void> {
    await within(closeDeadlineMs, 'closing the stream', this.#stream.close())
  }

  #partitions(): number[] {
    return this.#consumer.assignments?.find((assignment) => assignment.topic === this.#topic)?.partitions ?? []
  }

  #readTo(partition: number): bigint | undefined {
    return this.#stream.offsetsToFetch.get(`${this.#topic}:${partition}`)
  }

  #assigned(): void {
    const starts = new Map<number, bigint>()
    for (const partition of this.#partitions()) {
      const start = this.#readTo(partition)
      if (start === undefined) continue
      starts.set(partition, start)
      // Lower than what was handed out: the same records once more, dropped by `take`. Higher: others went on meanwhile.
      const next = this.#next.get(partition)
      if (next === undefined || next < start) this.#next.set(partition, start)
    }
    this.#starts = starts
    this.#changed()
  }

  #changed(): void {
    this.#change.resolve()
    this.#change = Promise.withResolvers()
  }
}
