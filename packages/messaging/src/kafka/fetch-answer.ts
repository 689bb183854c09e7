import { type Consumer, type Reader, ResponseError } from '@platformatic/kafka'
import { AbortedTransactions } from './aborted.ts'
import { type Budget, mostOfBatch, readBatches } from './record-batch.ts'

/** From this version on an answer names its topics by id, and has one form. Kafka has it since 3.1. */
export const leastVersion = 13

export type FetchAnswer = Awaited<ReturnType<Consumer['fetch']>>
type PartitionAnswer = FetchAnswer['responses'][number]['partitions'][number]
type Problems = ConstructorParameters<typeof ResponseError>[2]

/** A Fetch answer, in the place of the client's own parser: records of aborted transactions are out, and memory is bounded. */
export function parseAnswer(_correlation: number, apiKey: number, apiVersion: number, reader: Reader): FetchAnswer {
  const problems: Problems = {}
  const budget = { ...mostOfBatch }
  const throttleTimeMs = reader.readInt32()
  const errorCode = reader.readInt16()
  if (errorCode !== 0) problems[''] = [errorCode, null]
  const answer: FetchAnswer = {
    throttleTimeMs,
    errorCode,
    sessionId: reader.readInt32(),
    responses: reader.readArray((r, t) => ({
      topicId: r.readUUID(),
      partitions: r.readArray((_, p) => {
        const partition = parsePartition(r, budget)
        if (partition.errorCode !== 0) problems[`/responses/${t}/partitions/${p}`] = [partition.errorCode, null]
        return partition
      }),
    })),
  }
  reader.readTaggedFields()
  if (Object.keys(problems).length > 0) throw new ResponseError(apiKey, apiVersion, problems, answer)
  return answer
}

function parsePartition(reader: Reader, budget: Budget): PartitionAnswer {
  const partition: PartitionAnswer = {
    partitionIndex: reader.readInt32(),
    errorCode: reader.readInt16(),
    highWatermark: reader.readInt64(),
    lastStableOffset: reader.readInt64(),
    logStartOffset: reader.readInt64(),
    // Out of the client's sight, which would filter by it in its own way.
    abortedTransactions: null,
    preferredReadReplica: -1,
    records: null,
  }
  const aborted = reader.readNullableArray((r) => ({ producerId: r.readInt64(), firstOffset: r.readInt64() }))
  partition.preferredReadReplica = reader.readInt32()
  const length = reader.readUnsignedVarInt() - 1
  if (length >= 0) {
    const bytes = reader.buffer.slice(reader.position, reader.position + length)
    partition.records = readBatches(bytes, new AbortedTransactions(aborted ?? []), budget)
    reader.skip(length)
  }
  return partition
}
