// What is parked, as the metrics show it.
import type { Tx } from '@inorder/storage/transaction.ts'
import { shownDetail } from './parked-groups.ts'

export interface ParkedFigures {
  /** Keys that each cause holds up. */
  readonly keys: readonly { cause: string; keys: number }[]
  /** Seconds since the oldest of what holds a key up was parked; 0 where nothing does. */
  readonly oldest: number
}

/** Of one cause: there may be a million of them. */
export const mostRows = 10_000

const detail = shownDetail('detail')

// The causes one by one, by the index of what holds keys up; of each so many rows. The order is the index's: by another one
// a cause is met through all that stands behind, when nobody has analysed the table.
const figures = `
WITH RECURSIVE causes (cause) AS (
  (SELECT cause FROM parked WHERE state <> 'behind' ORDER BY cause, ${detail} LIMIT 1)
  UNION ALL
  SELECT (
    SELECT p.cause FROM parked AS p WHERE state <> 'behind' AND p.cause > causes.cause ORDER BY p.cause, ${detail} LIMIT 1
  ) FROM causes WHERE causes.cause IS NOT NULL
)
SELECT causes.cause, held.* FROM causes CROSS JOIN LATERAL (
  SELECT count(DISTINCT r.key)::int AS keys, extract(epoch FROM now() - min(r.parked_at))::float8 AS oldest
  FROM (
    SELECT key, parked_at FROM parked AS p
    WHERE state <> 'behind' AND p.cause = causes.cause ORDER BY ${detail}, key LIMIT ${mostRows}
  ) AS r
) AS held
WHERE causes.cause IS NOT NULL`

export async function parkedFigures(db: Tx): Promise<ParkedFigures> {
  const { rows } = await db.query<{ cause: string; keys: number; oldest: number }>(figures)
  const keys = rows.map(({ cause, keys }) => ({ cause, keys }))
  return { keys, oldest: Math.max(0, ...rows.map(({ oldest }) => oldest)) }
}
