// How far behind this member is in each of its partitions, without a question of its own: the reader compares the log with
// the positions every 2 s, each fetch says where the log ends, and the records in hand say when they were written.
import type { RecordStream } from '../kafka/record-stream.ts'
import type { LogState } from './log-verdict.ts'

export interface PartitionLag {
  readonly partition: number
  /** Undefined: Kafka or the database has not said for a while. */
  readonly events: number | undefined
  /** Since the first record that is not applied was written; undefined: it has not come yet. */
  readonly seconds: number | undefined
}

/** Three comparisons: one may take as long as Kafka's deadline. */
const freshMs = 6_000

export class Lag {
  #log: Pick<LogState, 'positions' | 'ends'> = { positions: new Map(), ends: [] }
  /** `performance.now()` of the last comparison. */
  #at = Number.NEGATIVE_INFINITY

  compared(log: LogState): void {
    this.#log = log
    this.#at = performance.now()
  }

  of(stream: Pick<RecordStream, 'reached' | 'firstFrom' | 'endOf'>): PartitionLag[] {
    const { positions, ends } = this.#log
    const isFresh = performance.now() - this.#at < freshMs
    return [...stream.reached].map(([partition, reached]) => {
      const position = positions.get(partition) ?? 0n
      const first = stream.firstFrom(partition, position)
      const next = first?.offset ?? max(position, reached)
      const events = Number(max(max(ends[partition] ?? 0n, stream.endOf(partition)) - next, 0n))
      // A record without a timestamp has -1.
      const written = first && first.timestamp >= 0n ? Number(first.timestamp) : undefined
      const seconds = written === undefined ? undefined : Math.max(Date.now() - written, 0) / 1000
      const nothingLeft = isFresh && !first && events === 0
      return { partition, events: isFresh ? events : undefined, seconds: nothingLeft ? 0 : seconds }
    })
  }
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b)
