// Idempotency keys: the first use of a key decides, and every repeat gets what it got (rule 2).
import { createHash } from 'node:crypto'
import { columns } from '@inorder/storage/columns.ts'
import { ifBegun, type Tx } from '@inorder/storage/transaction.ts'
import type { Outcome } from './order.ts'

/** A use of a key. The same key under another operation (method, path, and who calls) is another key. */
export interface KeyUse {
  key: string
  operation: string
  /** Of the request's body. */
  hash: Buffer
}

/** Why a repeat is not told an outcome: the key belongs to another request, or its first use is not decided yet. */
export interface KeyRefusal {
  kind: 'another-request' | 'undecided'
}
/** What a key that was used before says. */
type Earlier = Outcome | KeyRefusal

/** The separator is in neither: who chose a name and a key with spaces would else meet another caller's. */
export const keyName = ({ key, operation }: Pick<KeyUse, 'key' | 'operation'>): string => `${operation}\n${key}`

/** Two bodies that say the same have one hash, in whatever order their fields come. */
export function requestHash(body: unknown): Buffer {
  const sorted = JSON.stringify(body, (_, value) =>
    value && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
  return createHash('sha256').update(sorted).digest()
}

// Waits for another transaction that is inserting the same key, and inserts nothing if that one commits.
const insertKeys = `
  INSERT INTO idempotency (key, operation, request_hash)
  SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[]) AS new (key, operation)
  WHERE ${ifBegun}
  ORDER BY key COLLATE "C", operation COLLATE "C"
  ON CONFLICT DO NOTHING
  RETURNING key, operation`

// A second statement: the first one's snapshot is older than the commit it waited for.
// What follows looks rows up one by one (OFFSET 0): the plan of a join, made while there were few keys, reads all of them.
const readKeys = `
  SELECT key, operation, request_hash, outcome
  FROM unnest($1::text[], $2::text[]) AS used (key, operation), LATERAL (
    SELECT request_hash, outcome FROM idempotency WHERE key = used.key AND operation = used.operation OFFSET 0
  ) AS found`

const ofThese = `LATERAL (
    SELECT ctid AS place FROM idempotency WHERE key = used.key AND operation = used.operation OFFSET 0
  ) AS found
  WHERE idempotency.ctid = place`

const updateKeys = `
  UPDATE idempotency SET outcome = used.outcome
  FROM unnest($1::text[], $2::text[], $3::json[]) AS used (key, operation, outcome), ${ofThese}`

const deleteKeys = `
  DELETE FROM idempotency USING unnest($1::text[], $2::text[]) AS used (key, operation), ${ofThese}`

interface Row {
  key: string
  operation: string
  request_hash: Buffer
  outcome: Outcome | null
}

/** Takes the keys for this transaction. Returns, by keyName, what is known of those that were used before. */
export async function claimKeys(tx: Tx, uses: readonly KeyUse[]): Promise<Map<string, Earlier>> {
  if (uses.length === 0) return new Map()
  const values = columns(uses, ({ key, operation, hash }) => [key, operation, hash])
  const inserted = await tx.query<Row>({ name: 'insert-keys', text: insertKeys, values })
  if (inserted.rowCount === uses.length) return new Map()
  const fresh = new Set(inserted.rows.map(keyName))
  const before = uses.filter((use) => !fresh.has(keyName(use)))
  const known = await earlierOf(tx, before)
  // One without a row expired in this very moment. The repeat will be a first use.
  for (const name of before.map(keyName)) if (!known.has(name)) known.set(name, { kind: 'undecided' })
  return known
}

/** What is stored of these keys, by keyName. */
export async function earlierOf(db: Tx, uses: readonly KeyUse[]): Promise<Map<string, Earlier>> {
  const values = columns(uses, ({ key, operation }) => [key, operation])
  const { rows } = await db.query<Row>({ name: 'read-keys', text: readKeys, values })
  const hashes = new Map(uses.map((use) => [keyName(use), use.hash]))
  const earlier = new Map<string, Earlier>()
  for (const row of rows) {
    const name = keyName(row)
    if (!row.outcome) earlier.set(name, { kind: 'undecided' })
    else if (!row.request_hash.equals(hashes.get(name)!)) earlier.set(name, { kind: 'another-request' })
    else earlier.set(name, row.outcome)
  }
  return earlier
}

/** Takes back keys that this transaction claimed: as if they had not been used. */
export async function unclaimKeys(tx: Tx, uses: readonly KeyUse[]): Promise<void> {
  if (uses.length === 0) return
  const values = columns(uses, ({ key, operation }) => [key, operation])
  await tx.query({ name: 'unclaim-keys', text: deleteKeys, values })
}

/** Stores the outcomes of keys that this transaction claimed. */
export async function decideKeys(tx: Tx, decided: readonly { key: KeyUse; outcome: Outcome }[]): Promise<void> {
  if (decided.length === 0) return
  const values = columns(decided, ({ key, outcome }) => [key.key, key.operation, JSON.stringify(outcome)])
  await tx.query({ name: 'decide-keys', text: updateKeys, values })
}

/** Forgets keys of more than 24 hours ago. */
export async function forgetOldKeys(db: Tx): Promise<void> {
  await db.query(`DELETE FROM idempotency WHERE created_at < now() - interval '24 hours'`)
}
