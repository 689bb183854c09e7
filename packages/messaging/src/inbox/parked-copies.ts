import { randomUUID } from 'node:crypto'
import type { Tx } from '@inorder/storage/transaction.ts'
import { placeName } from '../kafka/event.ts'
import type { Reference } from '../kafka/record.ts'
import type { Topic } from '../kafka/topic.ts'
import { addToOutbox } from '../outbox/outbox.ts'
import type { PublishedTopic } from '../outbox/relay.ts'
import { type Entry, isFailed } from './key-state.ts'

/** What a copy says besides the headers of its record. */
export const copyHeaders = {
  service: 'inorder-service',
  cause: 'inorder-cause',
  detail: 'inorder-detail',
  source: 'inorder-source',
  reference: 'inorder-reference',
} as const

/** What a consumer of the topic publishes. */
export const copiesOf = ({
  parkedName,
  partitions,
}: Pick<Topic<unknown>, 'parkedName' | 'partitions'>): PublishedTopic => ({
  name: parkedName,
  partitions,
})

/**
 * Puts a copy of each record that could not be applied and blocks its key, or is in conflict, into the outbox, for the topic of parked records:
 * the original bytes and headers, and who could not apply it, why, and where it stands. Of a record that is kept by
 * reference the copy says where it stands in the log, how long it is, and its digest. Those that only wait are not copied,
 * and no record a second time when a redrive leaves it where it was.
 */
export async function addCopies<Event>(
  tx: Tx,
  moved: Iterable<Entry<Event>>,
  { topic, service, instance }: { topic: Topic<Event>; service: string; instance: string },
): Promise<Entry<Event>[]> {
  const copied = [...moved].filter(
    ({ parking, before }) => isFailed(parking) && !(isFailed(before) && parking?.state === before?.state),
  )
  if (copied.length === 0) return copied
  const copies = copied.map(({ record, parking, topicId, ...at }) => {
    if (!record) throw new Error('a record to be copied has no bytes')
    return {
      eventId: randomUUID(),
      topic: topic.parkedName,
      key: record.key,
      value: record.reference ? referenceTo(placeName(topicId, at), record.reference) : record.value,
      fingerprint: null,
      origin: instance,
      headers: {
        ...Object.fromEntries(record.headers.map(([key, value]) => [key.toString(), value ?? Buffer.alloc(0)])),
        [copyHeaders.service]: service,
        [copyHeaders.cause]: parking?.cause ?? '',
        [copyHeaders.detail]: parking?.detail ?? '',
        [copyHeaders.source]: placeName(topicId, at),
        ...(record.reference && { [copyHeaders.reference]: record.reference.cause }),
      },
    }
  })
  await addToOutbox(tx, copies)
  return copied
}

const referenceTo = (source: string, { bytes, sha256 }: Reference) =>
  Buffer.from(JSON.stringify({ source, bytes, sha256 }))
