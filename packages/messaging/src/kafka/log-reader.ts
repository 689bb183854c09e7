import { randomUUID } from 'node:crypto'
import { FetchIsolationLevels } from '@platformatic/kafka'
import { type Cluster, clientOptions, discard, kafkaError, watched, withConnectionError } from './client.ts'
import { within } from './deadline.ts'
import { KafkaUnavailable } from './errors.ts'
import { isControl, isTransactional, type LogBatch, lastOffset } from './log-batch.ts'
import { LogConsumer, type Unread } from './log-consumer.ts'
import type { SourceRecord } from './record.ts'

interface LogPiece {
  topic: string
  topicId: string
  /** By partition: the first offset, and the one behind the last. */
  spans: ReadonlyMap<number, { from: bigint; to: bigint }>
}

const maxRecords = 1_000
const silenceMs = 5_000
const { READ_COMMITTED, READ_UNCOMMITTED } = FetchIsolationLevels

/**
 * Reads a piece of the log once, one partition after the other, each one's records in their order.
 *
 * Behind the first open transaction of a partition it goes on with what is no transaction's: whoever reads its own records
 * again, which never are, gets them all, and somebody else's open transaction does not hold it up. Records of transactions
 * there are left out, whatever becomes of them. A batch that cannot be read comes as one record with a `reference`.
 *
 * Rejects with KafkaUnavailable when nothing comes for a while, with KafkaRefused when the piece is not in the log any more.
 */
export async function readLog(
  cluster: Cluster,
  piece: LogPiece,
  onRecords: (records: SourceRecord[]) => Promise<void>,
): Promise<void> {
  // It joins no group, and so leaves no trace; the client wants a name all the same.
  const options = { ...clientOptions(cluster, 0), groupId: randomUUID(), autocommit: false }
  const consumer = watched(new LogConsumer(options))
  try {
    consumer.topics.track(piece.topic)
    for (const partition of piece.spans.keys()) {
      for await (const records of readPartition(consumer, piece, partition))
        for (let n = 0; n < records.length; n += maxRecords) await onRecords(records.slice(n, n + maxRecords))
    }
  } catch (error) {
    throw kafkaError(withConnectionError(error, consumer), piece.topic, cluster.access)
  } finally {
    discard(consumer)
  }
}

async function* readPartition(
  consumer: LogConsumer,
  { topic, topicId, spans }: LogPiece,
  partition: number,
): AsyncGenerator<SourceRecord[]> {
  const { from, to } = spans.get(partition)!
  const silent = () => new KafkaUnavailable(`reading ${topic}/${partition}: nothing came within ${silenceMs} ms`)
  let stable = to
  let lastNews = performance.now()
  for (let next = from; next < to; ) {
    const isolationLevel = next < stable ? READ_COMMITTED : READ_UNCOMMITTED
    const asked = {
      partition,
      fetchOffset: next,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
      partitionMaxBytes: 600 * 1024,
    }
    const ask = async () =>
      consumer.fetch({
        node: await leaderOf(consumer, topic, partition),
        topics: [{ topicId, partitions: [asked] }],
        isolationLevel,
        maxWaitTime: 100,
      })
    const { responses } = await within(silenceMs, `reading ${topic}/${partition}`, ask())
    const answer = responses.flatMap(({ partitions }) => partitions).find((p) => p.partitionIndex === partition)
    if (answer) stable = answer.lastStableOffset
    // A transaction ended meanwhile: what it held up is decided now.
    const decided = isolationLevel === READ_UNCOMMITTED && next < stable
    const batches = decided ? [] : ((answer?.records ?? []) as LogBatch[])
    if (batches.length > 0 || decided) lastNews = performance.now()
    else if (performance.now() - lastNews > silenceMs) throw silent()
    for (const batch of batches) {
      const start = next
      next = lastOffset(batch) + 1n
      if (isControl(batch) || (isolationLevel === READ_UNCOMMITTED && isTransactional(batch))) continue
      yield recordsOf(batch, partition).filter(({ offset }) => offset >= start && offset < to)
    }
  }
}

const leaderOf = async (consumer: LogConsumer, topic: string, partition: number): Promise<number> =>
  (await consumer.metadata({ topics: [topic] })).topics.get(topic)!.partitions[partition]!.leader

const recordsOf = ({ firstOffset, firstTimestamp, records }: LogBatch, partition: number): SourceRecord[] =>
  records.map(({ key, value, headers, offsetDelta, timestampDelta, ...rest }) => {
    const { metadata } = rest as { metadata?: Unread }
    return {
      partition,
      offset: firstOffset + BigInt(offsetDelta),
      timestamp: firstTimestamp + timestampDelta,
      key,
      value,
      headers: headers as SourceRecord['headers'],
      ...(metadata && { reference: metadata.reference }),
    }
  })
