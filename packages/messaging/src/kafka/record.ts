/** A record as it stands in Kafka. */
export interface SourceRecord {
  readonly partition: number
  readonly offset: bigint
  /** Milliseconds. */
  readonly timestamp: bigint
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [key: Buffer, value: Buffer | null])[]
  /** In the place of bytes that are not kept: the record is over a bound, or its batch could not be read. */
  readonly reference?: Reference
}

/** What is remembered of bytes that stay in the log alone. With the record's place it says whether they are still the same. */
export interface Reference {
  /** `too-large`: one record over the bound. `batch-unreadable`: a whole batch, whose first offset the place names. */
  readonly cause: 'too-large' | 'batch-unreadable'
  readonly detail: string
  /** Length in bytes, and SHA-256 in hex: of key and value, or of the batch as it stands in the log. */
  readonly bytes: number
  readonly sha256: string
}

/** Where a partition's records of a batch begin and end: everything in [from, next) is in the batch or not in the log. */
export interface Span {
  readonly from: bigint
  readonly next: bigint
}
