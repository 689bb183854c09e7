// What holds keys up, by cause and detail: a page costs what the index holds of its groups, whatever else is parked.
import type { Pool } from 'pg'
import type { List } from '../outbox/ops.ts'
import type { ParkedGroup } from './ops.ts'

/** Of a detail, what groups and filters compare: all of it may be longer than an index takes. */
export const shownDetail = (detail: string) => `left(${detail}, 200)`

const detail = shownDetail('detail')
/** Of one group, and of a page, which ends with the group that brings it here. */
const mostCounted = 100_000

/** The first group behind this one: how many keys it holds up, since when. */
const groupAfter = (cause: string, after: string) => `
  LATERAL (
    SELECT cause, ${detail} AS detail FROM parked
    WHERE state <> 'behind' AND (cause, ${detail}) > (${cause}, ${after}) ORDER BY cause, ${detail} LIMIT 1
  ) AS first,
  LATERAL (
    SELECT count(DISTINCT key)::int AS count, count(*)::int AS events FROM (
      SELECT key FROM parked
      WHERE state <> 'behind' AND cause = first.cause AND ${detail} = first.detail ORDER BY key LIMIT ${mostCounted}
    ) AS counted
  ) AS of_group,
  LATERAL (
    SELECT parked_at AS oldest FROM parked
    WHERE state <> 'behind' AND cause = first.cause AND ${detail} = first.detail ORDER BY parked_at LIMIT 1
  ) AS since`

const page = `
WITH RECURSIVE page AS (
  SELECT 1 AS n, first.cause, first.detail, count, oldest, events FROM (SELECT) AS one, ${groupAfter('$1', '$2')}
  UNION ALL
  SELECT n + 1, first.cause, first.detail, of_group.count, since.oldest, page.events + of_group.events
  FROM page, ${groupAfter('page.cause', 'page.detail')}
  WHERE n <= $3 AND page.events < ${mostCounted}
)
SELECT cause, detail, count, oldest, events FROM page ORDER BY n`

export async function parkedGroups(
  pool: Pool,
  service: string,
  { limit, after = '' }: { limit: number; after?: string },
): Promise<List<ParkedGroup>> {
  const { rows } = await pool.query<Omit<ParkedGroup, 'service' | 'oldest'> & { oldest: Date; events: number }>(page, [
    ...placeOf(after),
    limit,
  ])
  const items = rows
    .slice(0, limit)
    .map(({ events: _, oldest, ...group }) => ({ service, ...group, oldest: oldest.toISOString() }))
  const more = rows.length > limit || (rows.at(-1)?.events ?? 0) >= mostCounted
  return { items, next: more ? cursorOf(items.at(-1)!) : null }
}

/** A detail may hold what no address does. */
const cursorOf = ({ cause, detail }: ParkedGroup) => Buffer.from(`${cause}\n${detail}`).toString('base64url')

function placeOf(cursor: string): [cause: string, detail: string] {
  const [cause = '', ...rest] = Buffer.from(cursor, 'base64url').toString().replaceAll('\0', '').split('\n')
  return [cause, rest.join('\n')]
}
