// A batch cut into smaller ones: what one record or one partition cannot do shall not hold up the others.
import type { Batch } from './batch.ts'

/** One for each partition; together they are the batch. */
export const byPartition = <Event>({ topicId, entries, spans }: Batch<Event>): Batch<Event>[] =>
  [...spans].map(([partition, span]) => ({
    topicId,
    entries: entries.filter((entry) => entry.partition === partition),
    spans: new Map([[partition, span]]),
  }))

/** The first records of one partition's batch, and the rest, if there is one: it has what the span holds behind its records. */
export function cut<Event>(batch: Batch<Event>, count: number): [head: Batch<Event>, rest: Batch<Event> | undefined] {
  const { topicId, entries, spans } = batch
  const last = entries[count - 1]
  if (!last || count >= entries.length) return [batch, undefined]
  const { from, next } = spans.get(last.partition)!
  const edge = last.offset + 1n
  const part = (some: typeof entries, start: bigint, end: bigint) => ({
    topicId,
    entries: some,
    spans: new Map([[last.partition, { from: start, next: end }]]),
  })
  return [part(entries.slice(0, count), from, edge), part(entries.slice(count), edge, next)]
}
