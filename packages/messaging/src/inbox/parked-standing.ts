// Where a key stands: how much is parked under its name, and what of that holds it up.

import type { Tx } from '@inorder/storage/transaction.ts'
import { parsePlace, placeName } from '../kafka/event.ts'
import type { Redriven, Standing } from './ops.ts'
import { type ParkedRecord, type ParkedRow, parkedRecord } from './parked-store.ts'

export const placeOf = ({ topicId, record }: Pick<ParkedRecord, 'topicId' | 'record'>): string =>
  placeName(topicId, record)

const columns = 'topic_id, partition, record_offset, state, cause, detail, attempts, version, parked_at'
/** The head, or the first that waits for a missing version, or what only bears the key's name. */
const holder = `
SELECT (SELECT count(*) FROM parked WHERE key = $1 AND (keyless OR $2)) AS parked, r.* FROM (SELECT) AS one LEFT JOIN LATERAL (
  (SELECT 1 AS rank, ${columns} FROM parked WHERE key = $1 AND $2 AND NOT keyless AND state = 'head' LIMIT 1)
  UNION ALL (SELECT 2, ${columns} FROM parked WHERE key = $1 AND $2 AND NOT keyless AND state = 'waiting'
             ORDER BY version, seq LIMIT 1)
  UNION ALL (SELECT 3, ${columns} FROM parked WHERE key = $1 AND keyless ORDER BY seq LIMIT 1)
  ORDER BY rank LIMIT 1
) AS r ON true`

/** `isLocked`: also what is the key's own. */
async function look(tx: Tx, key: string, isLocked: boolean): Promise<Pick<Standing, 'parked' | 'event'>> {
  const { rows } = await tx.query<Omit<ParkedRow, 'topic_id'> & { topic_id: string | null; parked: string }>(holder, [
    key,
    isLocked,
  ])
  const row = rows[0]!
  if (row.topic_id === null) return { parked: Number(row.parked), event: null }
  const { state, cause, detail, attempts, version } = row
  const event = {
    event: placeName(row.topic_id, { partition: row.partition, offset: BigInt(row.record_offset) }),
    state,
    cause,
    detail,
    attempts,
    version: version === null ? null : Number(version),
    parkedAt: row.parked_at.toISOString(),
  }
  return { parked: Number(row.parked), event }
}

/** With `target` it is that one which is shown. */
export async function standing(
  tx: Tx,
  key: string,
  appliedVersion: number,
  isLocked: boolean,
  target?: ParkedRecord,
): Promise<Standing> {
  const { parked, event } = await look(tx, key, isLocked)
  if (!target) return { appliedVersion, parked, event }
  const { parking, version, parkedAt } = target
  return {
    appliedVersion,
    parked,
    event: { event: placeOf(target), ...parking, version, parkedAt: parkedAt.toISOString() },
  }
}

export const answerOf = (key: string, applied: number, { parked, event }: Standing): Redriven => ({
  key,
  applied,
  remaining: parked,
  ...(event && { stoppedAt: event.event }),
})

/** The parked record of this name, `topicId/partition/offset`, locked: what belongs to no key has no row that could be. */
export async function findParked(
  tx: Tx,
  key: string,
  event: string,
  isLocked: boolean,
): Promise<ParkedRecord | undefined> {
  const place = parsePlace(event)
  if (!place) return undefined
  const { rows } = await tx.query<ParkedRow>(
    `SELECT * FROM parked WHERE key = $1 AND topic_id = $2 AND partition = $3 AND record_offset = $4
       AND (keyless OR $5) FOR UPDATE`,
    [key, place.topicId, place.partition, place.offset, isLocked],
  )
  return rows[0] && parkedRecord(rows[0])
}
