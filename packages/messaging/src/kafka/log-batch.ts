import type { RecordsBatch } from '@platformatic/kafka'
import type { Reference } from './record.ts'

/** As the client has it. With `unreadable` its records stay in the log. */
export interface LogBatch extends RecordsBatch {
  unreadable?: Reference
}

const [packed, transactional, control] = [7, 16, 32]

/** 0: not compressed. */
export const codecOf = ({ attributes }: RecordsBatch): number => attributes & packed
export const isTransactional = ({ attributes }: RecordsBatch): boolean => (attributes & transactional) !== 0
/** A marker: the end of a transaction. */
export const isControl = ({ attributes }: RecordsBatch): boolean => (attributes & control) !== 0
export const lastOffset = ({ firstOffset, lastOffsetDelta }: RecordsBatch): bigint =>
  firstOffset + BigInt(lastOffsetDelta)
