// A group of writes, in one transaction.
import { addToOutbox, type OutboxRecord } from '@inorder/messaging/outbox/outbox.ts'
import { savepoint, sqlFault, type Tx, transaction } from '@inorder/storage/transaction.ts'
import type pg from 'pg'
import { claimKeys, decideKeysOf, type Earlier, type KeyRefusal, type KeyUse, keyName } from './idempotency.ts'
import { type ChangeStatus, changeStatus, type Outcome, type Versioned } from './order.ts'
import { createOrders, lockedOrders, updateLocked } from './store.ts'

export type Write = {
  /** Of the event that this write makes if it changes something. Made before, so that its waiter can be there before. */
  eventId: string
  key?: KeyUse | undefined
  /** The outbox record of a version that this write made. */
  record(now: Versioned, previousStatus: string | null): OutboxRecord
} & ({ create: Versioned } | { change: ChangeStatus })

/** What became of a write; `data`: the database refuses a value of it. */
export type Result = { outcome: Outcome } | KeyRefusal | { refused: 'data' }

export const orderIdOf = (write: Write): string =>
  'create' in write ? write.create.order.orderId : write.change.orderId

/** Commits a group; at most one write per order and per key is in it. */
export async function commitGroup(pool: pg.Pool, group: readonly Write[]): Promise<Result[]> {
  try {
    return await transaction(pool, async (tx, last) => {
      const { results, stored } = await writeAll(tx, group)
      last(stored)
      return results
    })
  } catch (error) {
    if (sqlFault(error) !== 'row') throw error
    return await transaction(pool, (tx) => writeOneByOne(tx, group))
  }
}

/** Rule 1: keys, creates, row locks, outbox - and each sorted by its statement, so that no two groups meet crosswise. */
async function writeAll(tx: Tx, group: readonly Write[]): Promise<{ results: Result[]; stored: Promise<unknown> }> {
  const results = new Map<Write, Result>()
  const records: OutboxRecord[] = []

  // 1. Keys: those used before have their result already.
  const keyed = group.flatMap(({ key }) => (key ? [key] : []))
  const earlier = keyed.length > 0 ? await claimKeys(tx, keyed) : new Map<string, Earlier>()
  const fresh = group.filter((write) => {
    const known = write.key && earlier.get(keyName(write.key))
    if (known) results.set(write, known)
    return !known
  })
  const decide = (write: Write, outcome: Outcome) => results.set(write, { outcome })

  // 2. Creates.
  const creates = fresh.filter((write) => 'create' in write)
  if (creates.length > 0) {
    const taken = await createOrders(
      tx,
      creates.map(({ create }) => create),
    )
    for (const write of creates) {
      const { orderId } = write.create.order
      if (taken.has(orderId)) decide(write, { kind: 'exists', orderId })
      else {
        decide(write, { kind: 'created', now: write.create })
        records.push(write.record(write.create, null))
      }
    }
  }

  // 3. Row locks; the new versions are built from the rows as read under them (rule 3).
  const changes = fresh.filter((write) => 'change' in write)
  if (changes.length > 0) {
    const current = await lockedOrders(tx, changes.map(orderIdOf))
    const changed: Versioned[] = []
    for (const write of changes) {
      const before = current.get(write.change.orderId)
      const outcome = changeStatus(before, write.change, write.eventId)
      decide(write, outcome)
      if (outcome.kind !== 'changed') continue
      changed.push(outcome.now)
      records.push(write.record(outcome.now, before?.order.status ?? null))
    }
    if (changed.length > 0) await updateLocked(tx, changed)
  }

  // 4. Outbox: its ids come after the locks.
  const added = addToOutbox(tx, records)

  // 5. What the keys' repeats will be told.
  const decided = fresh.flatMap((write) => {
    const result = results.get(write)
    return write.key && result && 'outcome' in result ? [{ use: write.key, outcome: result.outcome }] : []
  })
  const stored = Promise.all([added, decided.length > 0 && decideKeysOf(tx, decided)])
  return { results: group.map((write) => results.get(write)!), stored }
}

/** Rule 5: the row that the database refuses fails alone, and leaves its key unused. */
async function writeOneByOne(tx: Tx, group: readonly Write[]): Promise<Result[]> {
  const results: Result[] = []
  for (const write of group) {
    try {
      const written = await savepoint(tx, async () => {
        const { results, stored } = await writeAll(tx, [write])
        await stored
        return results
      })
      results.push(...written)
    } catch (error) {
      if (sqlFault(error) !== 'row') throw error
      results.push({ refused: 'data' })
    }
  }
  return results
}
