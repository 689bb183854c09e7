// A group of writes, in one transaction.
import { addToOutbox, type OutboxRecord } from '@inorder/messaging/outbox/outbox.ts'
import {
  isLockTimeout,
  type Sessions,
  savepoint,
  sqlFault,
  type Tx,
  transaction,
} from '@inorder/storage/transaction.ts'
import {
  claimKeys,
  decideKeysOf,
  type Earlier,
  type KeyRefusal,
  type KeyUse,
  keyName,
  unclaimKeys,
} from './idempotency.ts'
import { type ChangeStatus, changeStatus, type Outcome, type Versioned } from './order.ts'
import { createOrders, lockedIfFree, lockOrder, updateLocked } from './store.ts'

export type Write = {
  /** Of the event that this write makes if it changes something. Made before, so that its waiter can be there before. */
  eventId: string
  key?: KeyUse | undefined
  /** The outbox record of a version that this write made. */
  record(now: Versioned, previousStatus: string | null): OutboxRecord
} & ({ create: Versioned } | { change: ChangeStatus })

/** The order takes no change until an operator decides (rule 12). */
export interface Held {
  refused: 'held'
  orderId: string
  why: string
}
/** What became of a write; `data`: the database refuses a value of it. */
export type Result = { outcome: Outcome } | KeyRefusal | { refused: 'data' } | Held
/** Another session holds the write's order or key locked: nothing of it is stored. */
export interface Locked {
  refused: 'locked'
}

export const isLocked = (result: Result | Locked): result is Locked =>
  'refused' in result && result.refused === 'locked'

export const orderIdOf = (write: Write): string =>
  'create' in write ? write.create.order.orderId : write.change.orderId

/** Longer than another instance's commit takes as a rule. */
const groupLockTimeoutMs = 100
/** What each half of a group loses to a lock that lasts. */
const partLockTimeoutMs = 30
/** So many lock timeouts a group takes at most, before what is not written yet counts as locked. */
const maxLockTimeouts = 20

/**
 * Commits a group; at most one write per order and per key is in it. Waits for no lock that another session keeps, and
 * stores nothing where it is not ready at `commitBefore` (`performance.now()`): the database is then slow, or frozen.
 */
export async function commitGroup(
  pool: Sessions,
  group: readonly Write[],
  commitBefore?: number,
): Promise<(Result | Locked)[]> {
  const limits = commitBefore === undefined ? {} : { commitBefore }
  try {
    return await transaction(
      pool,
      async (tx, last) => {
        const { results, stored } = await writeAll(tx, group)
        last(stored)
        return results
      },
      { ...limits, lockTimeoutMs: groupLockTimeoutMs },
    )
  } catch (error) {
    if (!faultOfOne(error)) throw error
    const locks = { left: maxLockTimeouts }
    return await transaction(pool, (tx) => writeInParts(tx, group, locks), {
      ...limits,
      lockTimeoutMs: partLockTimeoutMs,
    })
  }
}

/** Commits a single write, and waits this long for what other sessions hold locked. */
export async function commitWaiting(pool: Sessions, write: Write, waitMs: number): Promise<Result | Locked> {
  try {
    return await transaction(
      pool,
      async (tx, last) => {
        // Before its key: while it waits, other instances are to find the key free.
        if ('change' in write) await lockOrder(tx, write.change.orderId)
        const { results, stored } = await writeAll(tx, [write])
        last(stored)
        return results[0]!
      },
      { lockTimeoutMs: waitMs },
    )
  } catch (error) {
    const fault = faultOfOne(error)
    if (!fault) throw error
    return { refused: fault }
  }
}

/** Rule 1: keys, creates, row locks, outbox - and each sorted by its statement, so that no two groups meet crosswise. */
async function writeAll(
  tx: Tx,
  group: readonly Write[],
): Promise<{ results: (Result | Locked)[]; stored: Promise<unknown> }> {
  const results = new Map<Write, Result | Locked>()
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
  const unused: KeyUse[] = []
  const hold = (write: Write, why: string) => {
    results.set(write, { refused: 'held', orderId: orderIdOf(write), why })
    if (write.key) unused.push(write.key)
  }

  // 2. Creates.
  const creates = fresh.filter((write) => 'create' in write)
  if (creates.length > 0) {
    const taken = await createOrders(
      tx,
      creates.map(({ create }) => create),
    )
    for (const write of creates) {
      const { orderId } = write.create.order
      const why = taken.get(orderId)
      if (why) hold(write, why)
      else if (taken.has(orderId)) decide(write, { kind: 'exists', orderId })
      else {
        decide(write, { kind: 'created', now: write.create })
        records.push(write.record(write.create, null))
      }
    }
  }

  // 3. Row locks; the new versions are built from the rows as read under them (rule 3). What another session has locked is left for later.
  const changes = fresh.filter((write) => 'change' in write)
  if (changes.length > 0) {
    const { locked, held: lockedElsewhere } = await lockedIfFree(tx, changes.map(orderIdOf))
    const changed: Versioned[] = []
    for (const write of changes) {
      if (lockedElsewhere.has(write.change.orderId)) {
        results.set(write, { refused: 'locked' })
        if (write.key) unused.push(write.key)
        continue
      }
      const before = locked.get(write.change.orderId)
      if (before?.held !== undefined) {
        hold(write, before.held)
        continue
      }
      const outcome = changeStatus(before, write.change, write.eventId)
      decide(write, outcome)
      if (outcome.kind !== 'changed') continue
      changed.push(outcome.now)
      records.push(write.record(outcome.now, before?.order.status ?? null))
    }
    if (changed.length > 0) await updateLocked(tx, changed)
  }

  if (unused.length > 0) await unclaimKeys(tx, unused)

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

/**
 * Rule 5: halves, and halves of these, find the write that the database refuses, or that meets a key or an id which
 * another session has not committed yet. It fails alone, and leaves its key unused.
 */
async function writeInParts(tx: Tx, group: readonly Write[], locks: { left: number }): Promise<(Result | Locked)[]> {
  if (locks.left <= 0) return group.map(() => ({ refused: 'locked' }))
  try {
    return await savepoint(tx, async () => {
      const { results, stored } = await writeAll(tx, group)
      await stored
      return results
    })
  } catch (error) {
    const fault = faultOfOne(error)
    if (!fault) throw error
    if (fault === 'locked') locks.left--
    if (group.length === 1) return [{ refused: fault }]
    const half = Math.ceil(group.length / 2)
    const first = await writeInParts(tx, group.slice(0, half), locks)
    return [...first, ...(await writeInParts(tx, group.slice(half), locks))]
  }
}

/** What an error says of one write of the group, `undefined` where it is the whole group's. */
function faultOfOne(error: unknown): 'data' | 'locked' | undefined {
  if (isLockTimeout(error)) return 'locked'
  return sqlFault(error) === 'row' ? 'data' : undefined
}
