// What is kept by reference is read from the log again before it is redriven, outside of any transaction.

import type { Pool } from 'pg'
import { KafkaUnavailable } from '../kafka/errors.ts'
import { digestOf } from '../kafka/large-records.ts'
import type { SourceRecord } from '../kafka/record.ts'
import type { Refused } from '../outbox/ops.ts'
import { firstReference } from './parked-turns.ts'
import type { AtHand } from './redrive-steps.ts'

/** The record at this place of the log; undefined: it is gone. Rejects with KafkaUnavailable. */
export type ReadRecord = (place: {
  topicId: string
  partition: number
  offset: bigint
}) => Promise<SourceRecord | undefined>

/**
 * The bytes of the key's head, or of the first other record that is kept by reference; one at a time, as they may be
 * large. A head whose bytes are gone, or are others by now, is refused: it can only be discarded.
 */
export async function fromLog(pool: Pool, key: string, readRecord: ReadRecord): Promise<AtHand | Refused> {
  const kept = await firstReference(pool, key)
  if (!kept) return new Map()
  const { topicId, event, record, parking } = kept
  const isHead = parking.state === 'head'
  let found: SourceRecord | undefined
  try {
    found = await readRecord({ topicId, partition: record.partition, offset: record.offset })
  } catch (error) {
    if (!(error instanceof KafkaUnavailable)) throw error
    const detail = `${event} is kept in Kafka alone, which does not answer. Try again.`
    return isHead ? { refused: 'kafka-away', detail } : new Map()
  }
  if (found && digestOf(found) === record.reference?.sha256) return new Map([[event, found]])
  if (!isHead) return new Map()
  const what = found ? 'another record stands there now' : 'it is gone'
  return { refused: 'record-gone', detail: `${event} was kept in Kafka alone, and ${what}: it can only be discarded.` }
}
