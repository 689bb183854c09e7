// What is parked of one key, in pieces that one transaction can take. The key's row is locked. Only what is the
// key's own: a conflict is nobody's turn, and what only bears the key's name is not touched.
import type { Tx } from '@inorder/storage/transaction.ts'
import type { Foreseen } from './ops.ts'
import { event } from './parked-listing.ts'
import { type ParkedRecord, type ParkedRow, parkedRecord, withinBytes } from './parked-store.ts'
import type { Share } from './redrive-sizes.ts'

interface Piece {
  readonly records: ParkedRecord[]
  /** There are more of them. */
  readonly more: boolean
}

/** Behind every record. */
export const last = 2n ** 63n - 1n

/** Rows of each of these states by the index, merged. */
const ofStates = (states: string, where: string, sequence: string) =>
  `SELECT p.* FROM unnest('{${states}}'::text[]) AS s (state), LATERAL (
     SELECT * FROM parked AS p WHERE p.key = $1 AND NOT p.keyless AND p.state = s.state AND ${where}
     ORDER BY ${sequence} LIMIT $3
   ) AS p ORDER BY ${sequence} LIMIT $3`

/** Takes the first of such rows, as many as the share allows. */
const taking = (rowsOf: string, sequence: string) => {
  const text = withinBytes(rowsOf, sequence)
  return async (tx: Tx, key: string, bound: bigint | number, { records, bytes }: Share): Promise<Piece> => {
    const { rows } = await tx.query<ParkedRow & { found: string }>(text, [key, bound, records + 1, bytes])
    const taken = rows.slice(0, records).map(parkedRecord)
    return { records: taken, more: Number(rows[0]?.found ?? 0) > taken.length }
  }
}

const unreadRows = ofStates('head,behind', 'p.version IS NULL AND p.seq > $2', 'seq')

/** What could not be read when it was looked at last, in order of arrival, from behind this `seq` on. */
export const unread = taking(unreadRows, 'seq')

/** By version, what arrived before the record of this `seq`, which nothing may pass. */
export const inTurn = taking(
  ofStates('head,behind,waiting', 'p.version IS NOT NULL AND p.seq < $2', 'version, seq'),
  'version, seq',
)

/** Other events of this version, the applied one. */
export const conflicting = taking(ofStates('head,behind,waiting', 'p.version = $2', 'seq'), 'seq')

/** The first five bytes of the same values: there the wire format names the schema. */
export async function unreadStarts(db: Tx, key: string, seq: bigint, { records }: Share): Promise<Buffer[]> {
  const { rows } = await db.query<{ start: Buffer }>(
    `SELECT DISTINCT substr(record_value, 1, 5) AS start FROM (${unreadRows}) AS r WHERE record_value IS NOT NULL`,
    [key, seq, records + 1],
  )
  return rows.map(({ start }) => start)
}

interface Dropped {
  readonly event: string
  readonly version: number
}

/** Drops those of the applied version or a lower one; gives their names. Other events of the applied version stay. */
export async function dropPast(tx: Tx, key: string, version: number, eventId: string | null): Promise<Dropped[]> {
  const { rows } = await tx.query<Dropped>(
    `DELETE FROM parked WHERE key = $1 AND NOT keyless AND state = ANY('{head,behind,waiting}'::text[])
       AND (version < $2 OR version = $2 AND ($3::text IS NULL OR event_id = $3))
     RETURNING version::float8, ${event}`,
    [key, version, eventId],
  )
  return rows
}

/** Of events that were read only now, those that arrived a second time: the first stays. Gives the names of the others. */
export async function dropTwice(tx: Tx, key: string, versions: readonly number[]): Promise<Dropped[]> {
  if (versions.length === 0) return []
  const ofKey = (p: string, states: string) =>
    `${p}.key = $1 AND NOT ${p}.keyless AND ${p}.state = ANY('{${states}}'::text[])`
  const { rows } = await tx.query<Dropped>(
    `DELETE FROM parked AS p WHERE ${ofKey('p', 'head,behind,waiting')} AND p.version = ANY($2::bigint[]) AND EXISTS (
       SELECT FROM parked AS q WHERE ${ofKey('q', 'head,behind,waiting')} AND q.version = p.version AND q.event_id = p.event_id AND q.seq < p.seq
     ) RETURNING version::float8, ${event}`,
    [key, versions],
  )
  return rows
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
interface Left {
  readonly head: { readonly seq: bigint; readonly version: number | null } | undefined
  readonly any: boolean
  /** Something of the applied version or a lower one is there, or a head whose turn has not come. */
  readonly stale: boolean
  readonly hasTurn: boolean
}

/** The key's own, by the index. */
const own = `key = $1 AND NOT keyless AND state = ANY('{head,behind,waiting}'::text[])`
const left = `
SELECT h.seq, h.version::float8, o.any, o.any AND h.seq IS NULL AND EXISTS (SELECT FROM parked WHERE ${own} AND state <> 'head' AND (version = $2 + 1 OR version IS NULL)) AS "hasTurn",
  EXISTS (SELECT FROM parked WHERE ${own} AND (version <= $2 OR state = 'head' AND version > $2 + 1)) AS stale
FROM (SELECT EXISTS (SELECT FROM parked WHERE ${own} AND state <> 'head') AS any) AS o
LEFT JOIN LATERAL (SELECT seq, version FROM parked WHERE ${own} AND state = 'head' LIMIT 1) AS h ON true`

export async function leftOf(tx: Tx, key: string, version: number): Promise<Left> {
  type Row = Omit<Left, 'head'> & { seq: string | null; version: number | null }
  const [row] = (await tx.query<Row>(left, [key, version])).rows
  const { seq, version: headVersion, ...rest } = row!
  return { ...rest, head: seq === null ? undefined : { seq: BigInt(seq), version: headVersion } }
}

const nameWhere = async (tx: Tx, where: string, values: unknown[]): Promise<string | undefined> => {
  const { rows } = await tx.query<{ event: string }>(
    `SELECT ${event} FROM parked WHERE key = $1 AND NOT keyless AND ${where} LIMIT 1`,
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
export async function ownParked(tx: Tx, key: string, limit: number): Promise<Foreseen[]> {
  const { rows } = await tx.query(
    `SELECT ${event}, version::float8, state AS becomes, cause, detail FROM parked
     WHERE key = $1 AND NOT keyless ORDER BY parked.version, seq LIMIT $2`,
    [key, limit],
  )
  return rows
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
