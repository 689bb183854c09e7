// A discard holds when the log is read again: it is remembered by the record's place and digest. Another record at that
// place (a log that was cut and written anew) has another digest, and is judged like any.
import { columns } from '@inorder/storage/columns.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import { parsePlace, placeName } from '../kafka/event.ts'
import { digestOf } from '../kafka/large-records.ts'
import type { SourceRecord } from '../kafka/record.ts'
import type { Entry } from './key-state.ts'
import { event } from './parked-listing.ts'

export async function addDiscarded(tx: Tx, topicId: string, record: SourceRecord): Promise<void> {
  await tx.query(
    `INSERT INTO discarded (topic_id, partition, record_offset, sha256) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
    [topicId, record.partition, record.offset, digestOf(record)],
  )
  await tx.query(
    `UPDATE inbox_position SET discarded = greatest(discarded, $3) WHERE topic_id = $1 AND partition = $2`,
    [topicId, record.partition, record.offset],
  )
}

/**
 * Before a record's key is locked (rule 14: positions first). A batch that reads the record again, and waits for its
 * key while it is discarded, would not see that; so it waits here, and reads `discarded` of the position anew.
 */
export async function lockPositionOf(tx: Tx, event: string): Promise<void> {
  const place = parsePlace(event)
  if (!place) return
  await tx.query('SELECT FROM inbox_position WHERE topic_id = $1 AND partition = $2 FOR UPDATE', [
    place.topicId,
    place.partition,
  ])
}

/** These without what was discarded: `upTo` says of each partition that is read again how far that may be. */
export async function withoutDiscarded<Event>(
  tx: Tx,
  entries: readonly Entry<Event>[],
  upTo: ReadonlyMap<number, bigint>,
): Promise<readonly Entry<Event>[]> {
  if (upTo.size === 0) return entries
  const suspects = entries.filter(({ partition, offset }) => offset <= (upTo.get(partition) ?? -1n))
  if (suspects.length === 0) return entries
  const { rows: found } = await tx.query<{ event: string; sha256: string }>({
    name: 'inbox-discarded',
    text: `SELECT ${event}, sha256 FROM discarded
           JOIN unnest($1::uuid[], $2::int[], $3::bigint[]) AS s (topic_id, partition, record_offset)
             USING (topic_id, partition, record_offset)`,
    values: columns(suspects, ({ topicId, partition, offset }) => [topicId, partition, offset]),
  })
  if (found.length === 0) return entries
  const digests = Map.groupBy(found, ({ event }) => event)
  const isDiscarded = (entry: Entry<Event>) => {
    const known = digests.get(placeName(entry.topicId, entry))
    if (!known || !entry.record) return false
    const digest = digestOf(entry.record)
    return known.some(({ sha256 }) => sha256 === digest)
  }
  return entries.filter((entry) => !isDiscarded(entry))
}
