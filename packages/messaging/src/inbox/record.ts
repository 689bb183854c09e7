/** A record as it stands in Kafka. */
export interface SourceRecord {
  readonly partition: number
  readonly offset: bigint
  /** Milliseconds. */
  readonly timestamp: bigint
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [key: Buffer, value: Buffer | null])[]
}

/** Where a partition's records of a batch begin and end: everything in [from, next) is in the batch or not in the log. */
export interface Span {
  readonly from: bigint
  readonly next: bigint
}
