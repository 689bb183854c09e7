import { Consumer, type FetchOptions, type KafkaRecord, kGetApi } from '@platformatic/kafka'
import { type FetchAnswer, leastVersion, parseAnswer } from './fetch-answer.ts'
import { isControl, type LogBatch, lastOffset } from './log-batch.ts'
import type { Reference } from './record.ts'

type Fetch = FetchOptions<Buffer, Buffer, Buffer, Buffer>
type Callback<T> = (error: Error | null, value: T) => void
// biome-ignore lint/suspicious/noExplicitAny: the arguments of a call that is passed on
type Api = ((connection: any, ...args: any[]) => void) & { version: number }

/** Where the broker last said that a partition's decided records end, and its log. They differ while a transaction is open. */
interface LogEnd {
  readonly stable: bigint
  readonly end: bigint
  /** `performance.now()` when the log was first seen to go on behind this stable offset. */
  readonly since: number
}

/** What the stand-in of a batch that cannot be read carries as its metadata. */
export interface Unread {
  readonly reference: Reference
  /** Behind the batch. */
  readonly next: bigint
}

/**
 * The client's consumer of one topic, with answers to its fetches read by us: aborted transactions are decided as Java's
 * consumer does, and no batch can fill the memory or stop the reading (docs/decisions/foreign-transactions.md).
 */
export class LogConsumer extends Consumer {
  readonly #ends = new Map<number, LogEnd>()

  get ends(): ReadonlyMap<number, LogEnd> {
    return this.#ends
  }

  override [kGetApi](name: string, callback: Callback<never>): void {
    super[kGetApi](name, (error: Error | null, api: unknown) => {
      if (error || name !== 'Fetch') return callback(error, api as never)
      const { version } = api as Api
      if (version < leastVersion)
        return callback(new Error('this Kafka is older than 3.1: upgrade its brokers'), undefined as never)
      callback(null, withOurParser(api as Api) as never)
    })
  }

  // The client's own stream passes a callback, we do not.
  override fetch(options: Fetch, callback: Callback<FetchAnswer>): void
  override fetch(options: Fetch): Promise<FetchAnswer>
  override fetch(options: Fetch, callback?: Callback<FetchAnswer>): Promise<FetchAnswer> | undefined {
    const seen = (answer: FetchAnswer) => {
      this.#see(answer)
      return withStandIns(options, answer)
    }
    if (!callback) return super.fetch(options).then(seen)
    super.fetch(options, (error, answer) => callback(error, answer ? seen(answer) : (answer as never)))
    return undefined
  }

  #see(answer: FetchAnswer): void {
    for (const { partitionIndex, highWatermark, lastStableOffset } of answer.responses.flatMap((t) => t.partitions)) {
      const before = this.#ends.get(partitionIndex)
      const open = before !== undefined && before.stable < before.end && before.stable === lastStableOffset
      const since = open ? before.since : performance.now()
      this.#ends.set(partitionIndex, { stable: lastStableOffset, end: highWatermark, since })
    }
  }
}

/** The client's own call, with its parser exchanged on the way to the connection. */
const withOurParser = (api: Api): Api =>
  Object.assign(
    (connection: { send(...args: unknown[]): void }, ...args: unknown[]) =>
      api(
        {
          send: (key: unknown, version: unknown, payload: unknown, _parser: unknown, ...rest: unknown[]) =>
            connection.send(key, version, payload, parseAnswer, ...rest),
        },
        ...args,
      ),
    { version: api.version },
  )

/** In the place of a batch that cannot be read, one record that says so. */
function withStandIns(options: Fetch, answer: FetchAnswer): FetchAnswer {
  for (const { topicId, partitions } of answer.responses)
    for (const { partitionIndex, records } of partitions)
      for (const batch of (records ?? []) as LogBatch[]) {
        if (!batch.unreadable || isControl(batch)) continue
        // The log, or its reading, may begin in the middle of the batch; the client drops what is below.
        const asked = askedOffset(options, topicId, partitionIndex)
        const first = asked > batch.firstOffset ? asked : batch.firstOffset
        const metadata: Unread = { reference: batch.unreadable, next: lastOffset(batch) + 1n }
        const standIn = { ...empty, offsetDelta: Number(first - batch.firstOffset), metadata }
        batch.records = [standIn]
      }
  return answer
}

const empty: KafkaRecord = {
  length: 0,
  attributes: 0,
  timestampDelta: 0n,
  offsetDelta: 0,
  key: null,
  value: null,
  headers: [],
}

const askedOffset = ({ topics }: Fetch, topicId: string, partition: number): bigint =>
  topics
    .filter((topic) => topic.topicId === topicId)
    .flatMap(({ partitions }) => partitions)
    .find((asked) => asked.partition === partition)?.fetchOffset ?? 0n
