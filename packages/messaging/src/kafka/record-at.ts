import type { KafkaAdmin } from './admin.ts'
import type { Cluster } from './client.ts'
import { KafkaRefused } from './errors.ts'
import { readLog } from './log-reader.ts'
import type { SourceRecord } from './record.ts'

const deadlineMs = 3_000

/** The record at a place of the log; undefined: it is not there any more. Rejects with KafkaUnavailable. */
export async function readRecord(
  cluster: Cluster,
  admin: KafkaAdmin,
  topic: string,
  { topicId, partition, offset }: { topicId: string; partition: number; offset: bigint },
): Promise<SourceRecord | undefined> {
  const { id, starts, ends } = await admin.log(topic, deadlineMs)
  if (id !== topicId || offset < (starts[partition] ?? 0n) || offset >= (ends[partition] ?? 0n)) return undefined
  const spans = new Map([[partition, { from: offset, to: offset + 1n }]])
  let found: SourceRecord | undefined
  try {
    await readLog(cluster, { topic, topicId, spans }, async (records) => {
      found ??= records.find((record) => record.offset === offset)
    })
  } catch (error) {
    // It went while it was asked for.
    if (!(error instanceof KafkaRefused)) throw error
  }
  return found
}
