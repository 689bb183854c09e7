// What is parked of one key, in pieces that one transaction can take. The key's row is locked. Only what is the
// key's own: a conflict is nobody's turn, and what only bears the key's name is not touched.
import type { Tx } from '@inorder/storage/transaction.ts'
import { type ParkedRecord, type ParkedRow, parkedRecord, withinBytes } from './parked-store.ts'
import type { Share } from './redrive-sizes.ts'

interface Piece {
  readonly records: ParkedRecord[]
  /** There are more of them. */
  readonly more: boolean
}

const name = `topic_id || '/' || partition || '/' || record_offset AS event`

/** Behind every record. */
const last = 2n ** 63n - 1n
/** Rows of each of these states by the index, merged. */
const ofStates = (states: string, where: string, sequence: string, limit: string) =>
  `SELECT p.* FROM unnest('{${states}}'::text[]) AS s (state), LATERAL (
     SELECT * FROM parked AS p WHERE p.key = $1 AND NOT p.keyless AND p.state = s.state AND ${where}
     ORDER BY ${sequence} LIMIT ${limit}
   ) AS p ORDER BY ${sequence} LIMIT ${limit}`

const take = async (tx: Tx, text: string, values: unknown[], { records }: Share): Promise<Piece> => {
  const { rows } = await tx.query<ParkedRow & { found: string }>(text, values)
  const taken = rows.slice(0, records).map(parkedRecord)
  return { records: taken, more: Number(rows[0]?.found ?? 0) > taken.length }
}

const unreadRows = ofStates('head,behind', 'p.version IS NULL AND p.seq > $2', 'seq', '$3')

/** What could not be read when it was looked at last, in order of arrival, from behind `seq` on. */
export const unread = (tx: Tx, key: string, seq: bigint, share: Share): Promise<Piece> =>
  take(tx, withinBytes(unreadRows, 'seq', '$4'), [key, seq, share.records + 1, share.bytes], share)

/** The first five bytes of the same values: there the wire format names the schema. */
export async function unreadStarts(db: Tx, key: string, seq: bigint, { records }: Share): Promise<Buffer[]> {
  const { rows } = await db.query<{ start: Buffer }>(
    `SELECT DISTINCT substr(record_value, 1, 5) AS start FROM (${unreadRows}) AS r WHERE record_value IS NOT NULL`,
    [key, seq, records + 1],
  )
  return rows.map(({ start }) => start)
}

const turns = withinBytes(
  ofStates('head,behind,waiting', 'p.version IS NOT NULL AND p.seq < $2', 'version, seq', '$3'),
  'version, seq',
  '$4',
)

/** By version, what arrived before `wall`, which nothing may pass. */
export const inTurn = (tx: Tx, key: string, wall: bigint | undefined, share: Share): Promise<Piece> =>
  take(tx, turns, [key, wall ?? last, share.records + 1, share.bytes], share)

export interface Dropped {
  readonly event: string
  readonly version: number
}
interface DroppedRow {
  event: string
  version: string
}
const dropped = ({ event, version }: DroppedRow): Dropped => ({ event, version: Number(version) })

/** Drops those of the applied version or a lower one; gives their names. Other events of the applied version stay. */
export async function dropPast(tx: Tx, key: string, version: number, eventId: string | null): Promise<Dropped[]> {
  const { rows } = await tx.query<DroppedRow>(
    `DELETE FROM parked WHERE key = $1 AND NOT keyless AND state = ANY('{head,behind,waiting}'::text[])
       AND (version < $2 OR version = $2 AND ($3::text IS NULL OR event_id = $3))
     RETURNING version, ${name}`,
    [key, version, eventId],
  )
  return rows.map(dropped)
}

/** Other events of the applied version. */
export const conflicting = (tx: Tx, key: string, version: number, share: Share): Promise<Piece> =>
  take(
    tx,
    withinBytes(ofStates('head,behind,waiting', 'p.version = $2', 'seq', '$3'), 'seq', '$4'),
    [key, version, share.records + 1, share.bytes],
    share,
  )

/** Of events that were read only now, those that arrived a second time: the first stays. Gives the names of the others. */
export async function dropTwice(tx: Tx, key: string, versions: readonly number[]): Promise<Dropped[]> {
  if (versions.length === 0) return []
  const ofKey = (p: string, states: string) =>
    `${p}.key = $1 AND NOT ${p}.keyless AND ${p}.state = ANY('{${states}}'::text[])`
  const { rows } = await tx.query<DroppedRow>(
    `DELETE FROM parked AS p WHERE ${ofKey('p', 'head,behind,waiting')} AND p.version = ANY($2::bigint[]) AND EXISTS (
       SELECT FROM parked AS q WHERE ${ofKey('q', 'head,behind,waiting')} AND q.version = p.version AND q.event_id = p.event_id AND q.seq < p.seq
     ) RETURNING version, ${name}`,
    [key, versions],
  )
  return rows.map(dropped)
}

const relabelWaiting = `
UPDATE parked SET state = 'waiting', cause = 'gap', detail = $4 WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM parked WHERE key = $1 AND NOT keyless AND state = 'behind' AND version IS NOT NULL AND seq < $2 LIMIT $3))`
const relabelBehind = `
UPDATE parked SET state = 'behind', cause = 'behind', detail = $4 WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM parked WHERE key = $1 AND NOT keyless AND state = 'waiting' AND seq > $2 LIMIT $3))`

/** A head that can be read by now and does not have its turn is none. */
export const demote = (tx: Tx, key: string, version: number) =>
  tx.query(
    `UPDATE parked SET state = 'behind', cause = 'behind', detail = 'its turn has not come'
     WHERE key = $1 AND NOT keyless AND state = 'head' AND version <> $2 + 1`,
    [key, version],
  )

const mostRelabelled = 5_000

/** States of what is left: what arrived before an unreadable head waits for a version, the rest stands behind. False: not all yet. */
export async function relabel(tx: Tx, key: string, head: Left['head'], missing: number): Promise<boolean> {
  const wall = head ? (head.version === null ? head.seq : 0n) : last
  const counts = [
    await tx.query(relabelWaiting, [key, wall, mostRelabelled, `version ${missing} has not come yet`]),
    await tx.query(relabelBehind, [key, wall, mostRelabelled, 'an earlier record of the key is parked']),
  ]
  return counts.every(({ rowCount }) => (rowCount ?? 0) < mostRelabelled)
}

/** What is left of a key: its head, whether more is parked, whether that must be sorted out first, or has its turn. */
export interface Left {
  readonly head: { readonly seq: bigint; readonly version: number | null } | undefined
  readonly any: boolean
  /** Something of the applied version or a lower one is there, or a head whose turn has not come. */
  readonly stale: boolean
  readonly hasTurn: boolean
}

/** The key's own, by the index. */
const own = `key = $1 AND NOT keyless AND state = ANY('{head,behind,waiting}'::text[])`
const left = `
SELECT h.seq, h.version, o.any, o.any AND h.seq IS NULL AND EXISTS (SELECT FROM parked WHERE ${own} AND state <> 'head' AND (version = $2 + 1 OR version IS NULL)) AS turn,
  EXISTS (SELECT FROM parked WHERE ${own} AND (version <= $2 OR state = 'head' AND version > $2 + 1)) AS stale
FROM (SELECT EXISTS (SELECT FROM parked WHERE ${own} AND state <> 'head') AS any) AS o
LEFT JOIN LATERAL (SELECT seq, version FROM parked WHERE ${own} AND state = 'head' LIMIT 1) AS h ON true`

export async function leftOf(tx: Tx, key: string, version: number): Promise<Left> {
  const { rows } = await tx.query<{
    seq: string | null
    version: string | null
    any: boolean
    turn: boolean
    stale: boolean
  }>(left, [key, version])
  const row = rows[0]!
  const head =
    row.seq === null ? undefined : { seq: BigInt(row.seq), version: row.version === null ? null : Number(row.version) }
  return { head, any: row.any, stale: row.stale, hasTurn: row.turn }
}

const nameWhere = async (tx: Tx, where: string, values: unknown[]): Promise<string | undefined> => {
  const { rows } = await tx.query<{ event: string }>(
    `SELECT ${name} FROM parked WHERE key = $1 AND NOT keyless AND ${where} LIMIT 1`,
    values,
  )
  return rows[0]?.event
}

/** Names of the key's head, and of the first that waits for a version. */
export const headOf = (tx: Tx, key: string) => nameWhere(tx, `state = 'head'`, [key])
export const firstWaiting = (tx: Tx, key: string) => nameWhere(tx, `state = 'waiting' ORDER BY version, seq`, [key])

/** Whether an event of this version waits or stands behind. */
export const isParked = async (tx: Tx, key: string, version: number): Promise<boolean> =>
  (await nameWhere(tx, `state = ANY('{behind,waiting}'::text[]) AND version = $2`, [key, version])) !== undefined

/** Places of what is the key's own, by version, what could not be read last; as a dry run shows them. */
export async function ownParked(tx: Tx, key: string, limit: number) {
  const { rows } = await tx.query<{
    event: string
    version: string | null
    becomes: string
    cause: string
    detail: string
  }>(
    `SELECT ${name}, version, state AS becomes, cause, detail FROM parked
     WHERE key = $1 AND NOT keyless ORDER BY version, seq LIMIT $2`,
    [key, limit],
  )
  return rows.map(({ version, ...row }) => ({ ...row, version: version === null ? null : Number(version) }))
}

/** What is kept by reference and may be read from the log: the head, or what has its turn first. */
export async function firstReference(db: Tx, key: string): Promise<ParkedRecord | undefined> {
  const { rows } = await db.query<ParkedRow>(
    `SELECT * FROM parked WHERE key = $1 AND NOT keyless AND state = ANY('{head,behind,waiting}'::text[])
       AND reference ->> 'cause' = 'too-large'
     ORDER BY state <> 'head', version NULLS FIRST, seq LIMIT 1`,
    [key],
  )
  return rows[0] && parkedRecord(rows[0])
}
