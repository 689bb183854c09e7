// What is parked, as the metrics show it.
import { distinct } from '@inorder/storage/distinct.ts'
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

// Of each cause so many rows, by the index of what holds keys up.
const figures = `
WITH RECURSIVE ${distinct('causes', 'cause', `parked WHERE state <> 'behind'`, `cause, ${detail}`)}
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
