// The effect table, as the runner claims, removes and parks its rows.
import { columns } from '@inorder/storage/columns.ts'
import { distinct } from '@inorder/storage/distinct.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import type { StoredEffect } from '../inbox/effect.ts'
import { inForce } from '../inbox/pauses.ts'
import { lockRows } from '../inbox/store.ts'
import type { Fault } from '../kafka/event.ts'
import type { Trail } from '../kafka/trail.ts'

/** An effect that is leased to us: as long as its token is the row's, nobody else has it. */
export interface Claim extends StoredEffect, Trail {
  /** The fencing token. It counts the claims of this effect: the first is 1. */
  readonly attempt: number
}

// The table is often empty, and PostgreSQL may have been told so when it last looked: each join would read all of it when a
// million effects wait. So rows are looked up one by one (OFFSET 0 keeps it so), and met again by their place.

/** The kinds of which something is due, running or failing, and a NULL. */
const someKind = distinct('some_kind', 'kind', 'effect WHERE due_at IS NOT NULL')

const notPaused = (kind: string) =>
  `NOT EXISTS (SELECT FROM paused WHERE what = 'effects' AND name IN ('', ${kind}) AND ${inForce})`

/**
 * Leases what is due, the longest due first. What others are claiming in this moment is skipped, which can swap no two
 * effects of a key, since only its first is ever due. Kinds that are paused are left out, under the lock of rule 25, and
 * none of their effects is read: there may be a million of them. So the kinds come first, found one after the other.
 */
export async function claimEffects(db: Tx, limit: number, leaseMs: number): Promise<Claim[]> {
  const { rows } = await db.query<Claim>(
    `WITH RECURSIVE paused_kind AS MATERIALIZED (
       SELECT name FROM paused WHERE what = 'effects' AND ${inForce} FOR KEY SHARE
     ), ${someKind}, due AS (
       SELECT place FROM (
         SELECT kind FROM some_kind WHERE NOT EXISTS (SELECT FROM paused_kind WHERE name IN ('', some_kind.kind)) OFFSET 0
       ) AS at_work, LATERAL (
         SELECT ctid AS place, due_at FROM effect
         WHERE kind = at_work.kind AND due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
       ) AS of_kind
       ORDER BY due_at LIMIT $1
     )
     UPDATE effect AS e SET attempts = attempts + 1, due_at = now() + $2 * interval '1 ms', running = true
     FROM due WHERE e.ctid = due.place
     RETURNING e.key, e.version::float8, e.n, event_id || ':' || e.n AS id, kind, payload, attempts AS attempt,
       request_id AS "requestId", traceparent`,
    [limit, leaseMs],
  )
  return rows
}

const claims = `unnest($1::text[], $2::bigint[], $3::int[], $4::int[])`
const tokensOf = (claims: readonly Claim[]) =>
  columns(claims, ({ key, version, n, attempt }) => [key, version, n, attempt])

/** Removes those of these effects of which our token is still the row's, as done, and returns them. Locks the keys, sorted. */
export async function removeClaimed(tx: Tx, ours: readonly Claim[]): Promise<Set<Claim>> {
  await lockRows(
    tx,
    ours.map(({ key }) => key),
  )
  const { rows } = await tx.query<{ i: string }>(
    removing(
      `DELETE FROM effect AS e USING ${claims} WITH ORDINALITY AS ours (key, version, n, attempt, i), LATERAL (
         SELECT ctid AS place FROM effect WHERE key = ours.key AND version = ours.version AND n = ours.n OFFSET 0
       ) AS found
       WHERE e.ctid = place AND e.attempts = ours.attempt
       RETURNING e.key, e.version, e.n, ours.i, event_id, kind, attempts, created_at`,
      'i',
      keepDone,
    ),
    tokensOf(ours),
  )
  return new Set(rows.map(({ i }) => ours[Number(i) - 1]!))
}

const keepDone = `, done AS (
  INSERT INTO effect_done (key, version, n, event_id, kind, attempts, created_at)
  SELECT key, version, n, event_id, kind, attempts, created_at FROM removed ON CONFLICT DO NOTHING
)`

/**
 * Runs `removal`, a DELETE that returns key, version and n, lets the next effect of each key start, and gives `column`. `more`
 * is what else is done with what was removed.
 */
export const removing = (removal: string, column: string, more = '') => `
WITH removed AS (${removal})${more}, started AS (
  UPDATE effect AS e SET due_at = now()
  FROM removed CROSS JOIN LATERAL (
    SELECT ctid AS place FROM effect AS later
    WHERE later.key = removed.key AND (later.version, later.n) > (removed.version, removed.n)
    ORDER BY version, n LIMIT 1
  ) AS next
  WHERE e.ctid = next.place
)
SELECT ${column} FROM removed`

const ours = 'key = $1 AND version = $2 AND n = $3 AND attempts = $4'
const tokenOf = ({ key, version, n, attempt }: Claim) => [key, version, n, attempt]

/** Ends a lease without a result, and without a failure: to be claimed again at once. */
export async function giveBack(db: Tx, claim: Claim): Promise<void> {
  await db.query(`UPDATE effect SET running = false, due_at = now() WHERE ${ours}`, tokenOf(claim))
}

interface Failure {
  fault: Fault
  /** To be claimed again after so long, if it is not parked. */
  againMs: number
  /** Parked at once. */
  parkNow: boolean
  /** Parked when it has failed with this cause for so long; null: not for that. */
  parkAfterMs: number | null
  /** Parked when it failed like this at the attempt before, and was attempted three times. */
  parkIfEqual: boolean
}

const fail = `
WITH failed AS (
  SELECT CASE WHEN cause = $5 THEN failing_since END AS since, $8
      OR coalesce(cause = $5 AND failing_since <= now() - $9::float8 * interval '1 ms', false)
      OR coalesce($10 AND cause = $5 AND detail = $6 AND attempts >= 3, false) AS parks
  FROM effect WHERE ${ours} FOR UPDATE
)
UPDATE effect AS e SET running = false, cause = $5, detail = $6, failing_since = coalesce(since, now()),
  parked_at = CASE WHEN parks THEN now() END, due_at = CASE WHEN NOT parks THEN now() + $7 * interval '1 ms' END
FROM failed WHERE e.key = $1 AND e.version = $2 AND e.n = $3
RETURNING parks`

/** Ends a lease without a result. 'late': it was no longer ours. */
export async function giveUp(
  db: Tx,
  claim: Claim,
  { fault: { cause, detail }, againMs, parkNow, parkAfterMs, parkIfEqual }: Failure,
): Promise<'again' | 'parked' | 'late'> {
  const values = [...tokenOf(claim), cause, detail, againMs, parkNow, parkAfterMs, parkIfEqual]
  const [row] = (await db.query<{ parks: boolean }>(fail, values)).rows
  return row ? (row.parks ? 'parked' : 'again') : 'late'
}

export interface StoredEffects {
  waiting: number
  /** Those of a kind that is paused too. */
  due: number
  /** Of a kind that is not paused. */
  failing: number
  parked: number
  /** Age of the oldest that is due, running or failing, of a kind that is not paused, in seconds; 0 if none. */
  oldest: number
}

/** How many rows each figure looks at, of what is due those of each kind: a scrape must stay cheap however much waits. */
export const mostRows = 10_000

/** What is stored and not done. Those that are parked are in the index of those that fail as well. */
export async function storedEffects(db: Tx): Promise<StoredEffects> {
  const { rows } = await db.query<StoredEffects>(
    `WITH RECURSIVE ${someKind}
     SELECT (SELECT count(*)::int FROM (SELECT FROM effect LIMIT ${mostRows}) AS r) AS waiting,
       first.due, failing.failing,
       (SELECT count(*)::int FROM (SELECT FROM effect WHERE parked_at IS NOT NULL LIMIT ${mostRows}) AS r) AS parked,
       coalesce(extract(epoch FROM now() - least(first.since, failing.since)), 0)::float8 AS oldest
     FROM (
       SELECT count(*) FILTER (WHERE due_at <= now())::int AS due,
         min(created_at) FILTER (WHERE some_kind.goes_on) AS since
       FROM (SELECT kind, ${notPaused('kind')} AS goes_on FROM some_kind) AS some_kind, LATERAL (
         SELECT due_at, created_at FROM effect
         WHERE kind = some_kind.kind AND due_at IS NOT NULL ORDER BY due_at LIMIT ${mostRows}
       ) AS r
     ) AS first, (
       SELECT count(*)::int AS failing, min(created_at) AS since
       FROM (SELECT kind, parked_at, created_at FROM effect WHERE failing_since IS NOT NULL LIMIT ${mostRows}) AS r
       WHERE parked_at IS NULL AND ${notPaused('kind')}
     ) AS failing`,
  )
  return rows[0]!
}
