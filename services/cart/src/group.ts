// A group of writes, in one transaction.
import {
  type AddedRow,
  addToOutbox,
  type EventRecord,
  type OutboxRecord,
  type Source,
} from '@inorder/messaging/outbox/outbox.ts'
import { answered } from '@inorder/storage/answered.ts'
import {
  isLockTimeout,
  type Last,
  type Sessions,
  savepoint,
  sqlFault,
  type Tx,
  transaction,
} from '@inorder/storage/transaction.ts'
import { claimKeys, decideKeys, type KeyRefusal, type KeyUse, keyName, unclaimKeys } from './idempotency.ts'
import {
  type CartOrder,
  type Command,
  decide,
  type Event,
  evolve,
  type Held,
  type Outcome,
  orderIdOf,
} from './order.ts'
import { recordOf } from './order-record.ts'
import { createOrders, lockIfFree, lockOrder, updateLocked } from './store.ts'

export interface Write extends Source {
  readonly command: Command
  readonly key?: KeyUse | undefined
  /** Of a new order's event: what it says is known before the transaction, and encoded there. */
  readonly record?: EventRecord | undefined
}

/** What became of a write; `data`: the database refuses a value of it. */
export type Result = Outcome | Held | KeyRefusal | { kind: 'data' }
/** Another session holds the write's order or key locked: nothing of it is stored. */
export interface Locked {
  kind: 'locked'
}

export interface Committed {
  /** Of each write of the group. */
  results: (Result | Locked)[]
  /** The events of the results, for the relay; undefined: it finds them in the table. */
  rows: readonly AddedRow[] | undefined
}

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
  commitBefore = Number.POSITIVE_INFINITY,
): Promise<Committed> {
  try {
    const limits = { commitBefore, lockTimeoutMs: groupLockTimeoutMs }
    const { results, added } = await transaction(pool, (tx, last) => writeAll(tx, group, last), limits)
    return { results, rows: await known(added) }
  } catch (error) {
    if (!faultOfOne(error)) throw error
    const locks = { left: maxLockTimeouts }
    const limits = { commitBefore, lockTimeoutMs: partLockTimeoutMs }
    return { results: await transaction(pool, (tx) => writeInParts(tx, group, locks), limits), rows: undefined }
  }
}

/** Commits a single write, and waits this long for what other sessions hold locked. */
export async function commitWaiting(pool: Sessions, write: Write, waitMs: number): Promise<Committed> {
  const { command } = write
  try {
    const { results, added } = await transaction(
      pool,
      async (tx, last) => {
        // Before its key: while it waits, other instances are to find the key free.
        if (command.type === 'ChangeStatus') await lockOrder(tx, command.orderId)
        return writeAll(tx, [write], last)
      },
      { lockTimeoutMs: waitMs },
    )
    return { results, rows: await known(added) }
  } catch (error) {
    const kind = faultOfOne(error)
    if (!kind) throw error
    return { results: [{ kind }], rows: [] }
  }
}

interface Settled {
  result: Outcome | Held | Locked
  /** With the event of the version before. */
  accepted?: { event: Event; now: CartOrder; predecessor: string | null }
}

function settle({ command }: Write, state: CartOrder | 'locked' | undefined): Settled {
  if (state === 'locked') return { result: { kind: 'locked' } }
  const decision = decide(state, command)
  if (decision.kind !== 'accepted') return { result: decision }
  const { event } = decision
  const now = evolve(state, event)
  const predecessor = state?.eventId ?? null
  const kind = event.type === 'OrderCreated' ? 'created' : 'changed'
  return { result: { kind, now }, accepted: { event, now, predecessor } }
}

interface Written {
  results: (Result | Locked)[]
  added: Promise<AddedRow[]>
}

/** Rule 1: keys, creates, row locks, outbox - and each sorted by its statement, so that no two groups meet crosswise. */
async function writeAll(tx: Tx, group: readonly Write[], last: Last): Promise<Written> {
  // 1. Keys: those used before have their result already.
  const earlier = await claimKeys(
    tx,
    group.flatMap(({ key }) => key ?? []),
  )
  const earlierOf = ({ key }: Write) => key && earlier.get(keyName(key))
  const fresh = group.filter((write) => !earlierOf(write))
  const settled = new Map<Write, Settled>()
  const newVersions = (writes: readonly Write[]) => writes.flatMap((write) => settled.get(write)?.accepted?.now ?? [])

  // 2. New orders: settled as if their ids were free, and again where the insert says that they are not.
  // 3. Row locks, in the same round trip: the new versions are built from the rows as read under them (rule 3). What
  // another session has locked is left for later.
  const creates = fresh.filter(({ command }) => command.type === 'CreateOrder')
  for (const write of creates) settled.set(write, settle(write, undefined))
  const changes = fresh.filter(({ command }) => command.type === 'ChangeStatus')
  const [taken, locked] = await answered([
    createOrders(tx, newVersions(creates)),
    lockIfFree(
      tx,
      changes.map(({ command }) => orderIdOf(command)),
    ),
  ])
  for (const write of creates) {
    const state = taken.get(orderIdOf(write.command))
    if (state) settled.set(write, settle(write, state))
  }
  for (const write of changes) settled.set(write, settle(write, locked.get(orderIdOf(write.command))))

  // 4. The changed rows, and the outbox: its ids come after the locks. Keys again: what their repeats will be told; one
  // whose write was not decided is as if it had not been used.
  const occurredAt = new Date()
  const records: OutboxRecord[] = []
  const decided: { key: KeyUse; outcome: Outcome }[] = []
  const unused: KeyUse[] = []
  const results = group.map((write) => {
    const settlement = settled.get(write)
    if (!settlement) return earlierOf(write)!
    const { result, accepted } = settlement
    if (accepted) {
      const { event, now, predecessor } = accepted
      records.push({ ...(write.record ?? recordOf(event, now, occurredAt, write)), predecessor })
    }
    if (!write.key) return result
    if (result.kind === 'held' || result.kind === 'locked') unused.push(write.key)
    else decided.push({ key: write.key, outcome: result })
    return result
  })
  const updated = updateLocked(tx, newVersions(changes))
  const added = addToOutbox(tx, records)
  last(answered([updated, added, decideKeys(tx, decided), unclaimKeys(tx, unused)]))
  return { results, added }
}

/**
 * Rule 5: halves, and halves of these, find the write that the database refuses, or that meets a key or an id which
 * another session has not committed yet. It fails alone, and leaves its key unused.
 */
async function writeInParts(tx: Tx, group: readonly Write[], locks: { left: number }): Promise<(Result | Locked)[]> {
  if (locks.left <= 0) return group.map(() => ({ kind: 'locked' }))
  try {
    return await savepoint(tx, async () => {
      let stored: Promise<unknown> | undefined
      const { results } = await writeAll(tx, group, (statements) => {
        stored = statements
      })
      await stored
      return results
    })
  } catch (error) {
    const kind = faultOfOne(error)
    if (!kind) throw error
    if (kind === 'locked') locks.left--
    if (group.length === 1) return [{ kind }]
    const half = Math.ceil(group.length / 2)
    const first = await writeInParts(tx, group.slice(0, half), locks)
    return [...first, ...(await writeInParts(tx, group.slice(half), locks))]
  }
}

/** Of a group that is committed. Where the answer to the COMMIT was lost (rule 4), this one was too. */
const known = (added: Promise<AddedRow[]>): Promise<AddedRow[] | undefined> => added.catch(() => undefined)

/** What an error says of one write of the group, `undefined` where it is the whole group's. */
function faultOfOne(error: unknown): 'data' | 'locked' | undefined {
  if (isLockTimeout(error)) return 'locked'
  return sqlFault(error) === 'row' ? 'data' : undefined
}
