import { randomUUID } from 'node:crypto'
import { Consumer } from '@platformatic/kafka'
import type { SourceRecord } from '../inbox/record.ts'
import { type Cluster, clientOptions, discard, kafkaError } from './client.ts'
import { within } from './deadline.ts'
import { RecordStream } from './record-stream.ts'

export interface LogPiece {
  topic: string
  topicId: string
  /** By partition: the first offset, and the one behind the last. */
  spans: ReadonlyMap<number, { from: bigint; to: bigint }>
  partitions: number
}

const maxRecords = 1_000
/** More than the 3 s for which a broker with default settings holds a new group back; whoever starts waits for this. */
const joinDeadlineMs = 5_000
const silenceMs = 5_000

/**
 * Reads a piece of the log once, each partition's records in their order, in a group of its own that leaves no trace.
 * Rejects with KafkaAway when nothing comes for a while.
 */
export async function readLog(
  cluster: Cluster,
  { topic, topicId, spans, partitions }: LogPiece,
  onRecords: (records: SourceRecord[]) => Promise<void>,
): Promise<void> {
  const options = { ...clientOptions(cluster, 0), requestTimeout: joinDeadlineMs }
  const consumer = new Consumer({ ...options, groupId: `${cluster.clientId}-${randomUUID()}`, autocommit: false })
  const missing = new Map([...spans].map(([partition, { to }]) => [partition, to]))
  try {
    const offsets = [...spans].map(([partition, { from }]) => ({ topic, partition, offset: from }))
    const joined = consumer.consume({ topics: [topic], mode: 'manual', offsets, highWaterMark: 1, maxWaitTime: 100 })
    const client = await within(joinDeadlineMs, `joining to read ${topic}`, joined)
    const stream = new RecordStream(topic, topicId, partitions, consumer, client)
    while (missing.size > 0) {
      const taken = stream.take(maxRecords)
      if (taken.spans.size === 0) {
        await within(silenceMs, `reading ${topic}`, stream.changed())
        continue
      }
      await onRecords(taken.records.filter(({ partition, offset }) => offset < (spans.get(partition)?.to ?? 0n)))
      for (const [partition, { next }] of taken.spans)
        if (next >= (missing.get(partition) ?? 0n)) missing.delete(partition)
      stream.done(taken)
    }
  } catch (error) {
    throw kafkaError(error, topic)
  } finally {
    await within(silenceMs, 'leaving', consumer.close(true)).catch(() => discard(consumer))
  }
}
