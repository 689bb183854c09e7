// Rule 12: what log recovery does to the orders of the cart, and what an operator decides about those that it holds.
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import { addAudit } from '@inorder/messaging/outbox/audit.ts'
import type { HeldEvidence } from '@inorder/messaging/outbox/held-evidence.ts'
import type { KeyTable } from '@inorder/messaging/outbox/recover-keys.ts'
import { savepoint, sqlFault, type Tx, transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import { endHold, lockHeld, lockRecovered, saveHolds } from './held-store.ts'
import { overwriteOrders } from './store.ts'

export const recoveredOrders: KeyTable<OrderEvent> = {
  lock: lockRecovered,
  async save(tx, recovered) {
    await overwriteOrders(
      tx,
      recovered.flatMap(({ event }) => event ?? []),
    )
    await saveHolds(tx, recovered)
  },
}

interface Release {
  operator: string
  reason: string
  /** The order goes on behind this version; without it behind the newest that the log holds. */
  version?: number | undefined
}

type Released =
  | { version: number }
  | { refused: 'not-held' }
  /** The version has to be this or higher. */
  | { refused: 'too-low'; least: number }
  /** Nothing that is known of the order could be its state. */
  | { refused: 'no-state' }

/**
 * The order becomes what the log's newest version says, and goes on behind that or a higher version: none is given away
 * twice. Where that event cannot be read any more, or the database refuses it, the order stays what it is.
 */
export async function release(
  pool: Pool,
  log: HeldEvidence<OrderEvent>,
  orderId: string,
  { operator, reason, version }: Release,
): Promise<Released> {
  await log.learn(pool, orderId)
  return transaction<Released>(pool, async (tx) => {
    const held = await lockHeld(tx, orderId)
    if (!held) return { refused: 'not-held' }
    const newest = await log.newest(tx, orderId)
    const least = Math.max(held.version, newest?.version ?? 0)
    const next = version ?? least
    if (next < least) return { refused: 'too-low', least }

    const event = newest && newest.version > held.version ? newest.event : undefined
    const becomesIt = event !== undefined && (await takes(tx, event))
    if (next > 0 && held.version === 0 && !becomesIt) return { refused: 'no-state' }
    await endHold(tx, orderId, next)
    await log.forget(tx, orderId)
    const { cause, missing, newest: above } = held.hold
    const before = { version: held.version, hold: { cause, missing, newest: above } }
    const after = { version: next }
    const act = { operator, action: 'release', key: orderId, reason }
    await addAudit(tx, 'outbox_audit', [{ ...act, before, after, answer: { key: orderId, ...after } }])
    return after
  })
}

/** Whether the database takes the order as this event has it. */
async function takes(tx: Tx, event: OrderEvent): Promise<boolean> {
  try {
    await savepoint(tx, () => overwriteOrders(tx, [event]))
    return true
  } catch (error) {
    if (sqlFault(error) !== 'row') throw error
    return false
  }
}
