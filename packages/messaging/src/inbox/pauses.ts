// Rule 25: what is paused, as it is asked by whoever would go on. The answer is certain until the end of the transaction:
// `FOR KEY SHARE` locks the table (ROW SHARE) before the statement takes its snapshot, and whoever changes what is paused
// locks it EXCLUSIVE (pause-operator.ts).
import { ifBegun, type Tx } from '@inorder/storage/transaction.ts'
import { type Pause, shownPause } from './pause.ts'

/** Nothing is applied: the inbox is paused. */
export class InboxPaused extends Error {
  override readonly name = 'InboxPaused'

  constructor() {
    super('the inbox is paused')
  }
}

export const inForce = '(until IS NULL OR until > now())'

/** The first lock of a transaction that applies something. May go out with its BEGIN. */
export async function readPauses(tx: Tx): Promise<{ inbox: boolean; anyKey: boolean }> {
  const { rows } = await tx.query<{ inbox: boolean | null; anyKey: boolean }>({
    name: 'inbox-pauses',
    text: `SELECT (SELECT true FROM paused WHERE what = 'inbox' AND ${inForce} FOR KEY SHARE) AS inbox,
             EXISTS (SELECT FROM paused WHERE what = 'key' AND ${inForce}) AS "anyKey"
           WHERE ${ifBegun}`,
  })
  return { inbox: rows[0]?.inbox ?? false, anyKey: rows[0]?.anyKey ?? false }
}

/** Those of these keys that are paused, in a transaction that has read the pauses. */
export async function pausedAmong(tx: Tx, keys: readonly string[]): Promise<string[]> {
  const { rows } = await tx.query<{ name: string }>(
    `SELECT name FROM paused WHERE what = 'key' AND name = ANY($1::text[]) AND ${inForce}`,
    [keys],
  )
  return rows.map(({ name }) => name)
}

const ofKey = `SELECT * FROM paused WHERE (what = 'inbox' OR what = 'key' AND name = $1) AND ${inForce}`

/** What keeps a key from being applied, the inbox's pause or its own. For those who show it. */
export async function pauseOf(db: Tx, key: string): Promise<Pause | undefined> {
  const { rows } = await db.query(`${ofKey} ORDER BY what LIMIT 1`, [key])
  return rows[0] && shownPause(rows[0])
}

/** The same for a transaction that would apply something of the key: its first lock. */
export async function lockPauseOf(tx: Tx, key: string): Promise<Pause | undefined> {
  const { rows } = await tx.query(`${ofKey} AND ${ifBegun} ORDER BY what LIMIT 1 FOR KEY SHARE`, [key])
  return rows[0] && shownPause(rows[0])
}

/** As far as one can tell without the lock. */
export async function isInboxPaused(db: Tx): Promise<boolean> {
  const { rowCount } = await db.query(`SELECT FROM paused WHERE what = 'inbox' AND ${inForce}`)
  return rowCount !== 0
}
