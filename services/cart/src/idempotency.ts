// Idempotency keys: the first use of a key decides, and every repeat gets what it got (rule 2).
import { createHash } from 'node:crypto'
import { columns } from '@inorder/storage/columns.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import type { Outcome } from './order.ts'

/** A use of a key. The same key under another operation (method and path) is another key. */
export interface KeyUse {
  key: string
  operation: string
  /** Of the request's body. */
  hash: Buffer
}

/** Why a repeat is not told an outcome: the key belongs to another request, or its first use is not decided yet. */
export type KeyRefusal = { refused: 'another-request' | 'undecided' }
/** What a key that was used before says. */
export type Earlier = { outcome: Outcome } | KeyRefusal

export const keyName = ({ key, operation }: Pick<KeyUse, 'key' | 'operation'>): string => `${operation} ${key}`

/** Two bodies that say the same have one hash, in whatever order their fields come. */
export function requestHash(body: unknown): Buffer {
  const sorted = JSON.stringify(body, (_, value) =>
    value && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
  return createHash('sha256').update(sorted).digest()
}

/**
 * Keys that a request of this process uses now. Another one with the same key does not wait for it: it is told what is
 * stored, which any number of repeats can be at once, or else that the key is undecided.
 */
export class KeysUnderWay {
  readonly #hashes = new Map<string, Buffer>()
  readonly #db: Tx

  constructor(db: Tx) {
    this.#db = db
  }

  has(use: KeyUse): boolean {
    return this.#hashes.has(keyName(use))
  }

  /** Runs `work` unless the key is in use now. */
  async with<T>(use: KeyUse, work: () => Promise<T>): Promise<T | Earlier> {
    const name = keyName(use)
    const underWay = this.#hashes.get(name)
    if (underWay) {
      const stored = await earlierOf(this.#db, [use]).catch(() => undefined)
      return stored?.get(name) ?? { refused: underWay.equals(use.hash) ? 'undecided' : 'another-request' }
    }
    this.#hashes.set(name, use.hash)
    try {
      return await work()
    } finally {
      this.#hashes.delete(name)
    }
  }
}

// Waits for another transaction that is inserting the same key, and inserts nothing if that one commits.
const insertKeys = `
  INSERT INTO idempotency (key, operation, request_hash)
  SELECT key, operation, request_hash FROM unnest($1::text[], $2::text[], $3::bytea[]) AS new (key, operation, request_hash)
  ORDER BY key COLLATE "C", operation COLLATE "C"
  ON CONFLICT DO NOTHING
  RETURNING key, operation`

// A second statement: the first one's snapshot is older than the commit it waited for.
const readKeys = `
  SELECT key, operation, request_hash, outcome
  FROM idempotency JOIN unnest($1::text[], $2::text[]) AS used (key, operation) USING (key, operation)`

const decideKeys = `
  UPDATE idempotency SET outcome = new.outcome
  FROM unnest($1::text[], $2::text[], $3::json[]) AS new (key, operation, outcome)
  WHERE idempotency.key = new.key AND idempotency.operation = new.operation`

const deleteKeys = `
  DELETE FROM idempotency USING unnest($1::text[], $2::text[]) AS mine (key, operation)
  WHERE idempotency.key = mine.key AND idempotency.operation = mine.operation`

interface Row {
  key: string
  operation: string
  request_hash: Buffer
  outcome: Outcome | null
}

/** Takes the keys for this transaction. Returns, by keyName, what is known of those that were used before. */
export async function claimKeys(tx: Tx, uses: readonly KeyUse[]): Promise<Map<string, Earlier>> {
  const values = columns(uses, ({ key, operation, hash }) => [key, operation, hash])
  const inserted = await tx.query<Row>({ name: 'insert-keys', text: insertKeys, values })
  if (inserted.rowCount === uses.length) return new Map()
  const fresh = new Set(inserted.rows.map(keyName))
  const before = uses.filter((use) => !fresh.has(keyName(use)))
  const known = await earlierOf(tx, before)
  // One without a row expired in this very moment. The repeat will be a first use.
  for (const name of before.map(keyName)) if (!known.has(name)) known.set(name, { refused: 'undecided' })
  return known
}

/** What is stored of these keys, by keyName. */
async function earlierOf(db: Tx, uses: readonly KeyUse[]): Promise<Map<string, Earlier>> {
  const values = columns(uses, ({ key, operation }) => [key, operation])
  const { rows } = await db.query<Row>({ name: 'read-keys', text: readKeys, values })
  const hashes = new Map(uses.map((use) => [keyName(use), use.hash]))
  const earlier = new Map<string, Earlier>()
  for (const row of rows) {
    const name = keyName(row)
    if (!row.outcome) earlier.set(name, { refused: 'undecided' })
    else if (!row.request_hash.equals(hashes.get(name)!)) earlier.set(name, { refused: 'another-request' })
    else earlier.set(name, { outcome: row.outcome })
  }
  return earlier
}

/** Takes back keys that this transaction claimed: as if they had not been used. */
export async function unclaimKeys(tx: Tx, uses: readonly KeyUse[]): Promise<void> {
  const values = columns(uses, ({ key, operation }) => [key, operation])
  await tx.query({ name: 'unclaim-keys', text: deleteKeys, values })
}

/** Stores the outcomes of keys that this transaction claimed. */
export async function decideKeysOf(tx: Tx, decided: readonly { use: KeyUse; outcome: Outcome }[]): Promise<void> {
  const values = columns(decided, ({ use, outcome }) => [use.key, use.operation, JSON.stringify(outcome)])
  await tx.query({ name: 'decide-keys', text: decideKeys, values })
}

/** Whether the key's first use is decided. */
export async function isDecided(db: Tx, { key, operation }: KeyUse): Promise<boolean> {
  const text = 'SELECT FROM idempotency WHERE key = $1 AND operation = $2'
  const { rowCount } = await db.query({ name: 'key-decided', text, values: [key, operation] })
  return rowCount === 1
}

/** Forgets keys of more than 24 hours ago. */
export async function forgetOldKeys(db: Tx): Promise<void> {
  await db.query(`DELETE FROM idempotency WHERE created_at < now() - interval '24 hours'`)
}
