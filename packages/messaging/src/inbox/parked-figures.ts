// What is parked, as the metrics show it.
import type { Tx } from '@inorder/storage/transaction.ts'

export interface ParkedFigures {
  /** Keys that each cause holds up. */
  readonly keys: readonly { cause: string; keys: number }[]
  /** Seconds since the oldest of what holds a key up was parked; 0 where nothing does. */
  readonly oldest: number
}

/** Of one cause: a key may have thousands of rows, and there may be a million of them. */
export const mostRows = 20_000

// The causes one by one, by the index on them; of each so many rows. What stands behind has the cause of its own fault, or
// `behind`, and holds nothing up.
const figures = `
WITH RECURSIVE causes (cause) AS (
  (SELECT cause FROM parked ORDER BY cause LIMIT 1)
  UNION ALL
  SELECT (SELECT p.cause FROM parked AS p WHERE p.cause > causes.cause ORDER BY p.cause LIMIT 1)
  FROM causes WHERE causes.cause IS NOT NULL
)
SELECT causes.cause, held.keys, held.oldest FROM causes CROSS JOIN LATERAL (
  SELECT count(DISTINCT r.key)::int AS keys, coalesce(extract(epoch FROM now() - min(r.parked_at)), 0)::float8 AS oldest
  FROM (SELECT key, state, parked_at FROM parked AS p WHERE p.cause = causes.cause ORDER BY p.key LIMIT ${mostRows}) AS r
  WHERE r.state <> 'behind'
) AS held
WHERE causes.cause <> 'behind'`

export async function parkedFigures(db: Tx): Promise<ParkedFigures> {
  const { rows } = await db.query<{ cause: string; keys: number; oldest: number }>(figures)
  return {
    keys: rows.filter(({ keys }) => keys > 0).map(({ cause, keys }) => ({ cause, keys })),
    oldest: Math.max(0, ...rows.map(({ oldest }) => oldest)),
  }
}
