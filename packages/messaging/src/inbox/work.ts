import { placeName } from '../kafka/event.ts'
import type { Taken } from '../kafka/record-stream.ts'
import { PartitionsStuck } from './commit.ts'
import type { Entry } from './key-state.ts'
import type { Standstill } from './stalls.ts'

/** Records on their way into the database, and how far they are. */
export interface Work<Event> {
  readonly taken: Taken
  /** Once they are decoded. */
  entries?: readonly Entry<Event>[] | undefined
  /** By partition, the offset below which they are stored. */
  readonly stored: Map<number, bigint>
  failures: number
  /** `performance.now()` from which on it is tried again. */
  readonly dueAt: number
}

const longestShownKey = 128

/** Where the partitions of a batch stand that has failed: at the record that is known to fail, or the first that is not stored. */
export function standstills<Event>(
  topicId: string,
  { taken: { spans, records }, stored }: Work<Event>,
  error: unknown,
): { partition: number; at: Standstill; error: unknown }[] {
  if (error instanceof PartitionsStuck)
    return error.stuck.map(({ partition, entry, error: cause }) => ({
      partition,
      at: { key: entry?.key ?? null, event: entry ? placeName(topicId, entry) : null },
      error: cause,
    }))
  return [...spans].flatMap(([partition, { from, next }]) => {
    const reached = stored.get(partition) ?? from
    if (reached >= next) return []
    const first = records.find((record) => record.partition === partition && record.offset >= reached)
    const key = first?.key?.subarray(0, longestShownKey).toString() ?? null
    return [{ partition, at: { key, event: first ? placeName(topicId, first) : null }, error }]
  })
}

/** What is left of it: the partitions that are stuck. */
export function stuckOf<Event>(work: Work<Event>, { stuck }: PartitionsStuck<Event>): Work<Event> {
  const partitions = new Set(stuck.map(({ partition }) => partition))
  const isStuck = ({ partition }: { partition: number }) => partitions.has(partition)
  const { records, spans, outOfSequence } = work.taken
  const left = new Map([...spans].filter(([partition]) => partitions.has(partition)))
  return {
    ...work,
    taken: { records: records.filter(isStuck), spans: left, outOfSequence },
    entries: work.entries?.filter(isStuck),
    failures: work.failures + 1,
  }
}

/** What was taken, without the partitions that are still under way. */
export const without = (taken: Taken, left: Taken): Taken => ({
  ...taken,
  spans: new Map([...taken.spans].filter(([partition]) => !left.spans.has(partition))),
})
