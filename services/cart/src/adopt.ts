// Rule 12: what the cart takes over from the log when its database was restored.
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import type { Adopted } from '@inorder/messaging/log/second-copy.ts'
import { removeRows, waitingByKey } from '@inorder/messaging/log/store.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import type { Versioned } from './order.ts'
import { lockedOrders, overwriteOrders } from './store.ts'

/** What the log holds of one order: of each version the first event, which is the one that the services applied. */
type Versions = Map<number, OrderEvent>

/**
 * An order of which the log has a higher version becomes what the log says; so does one whose own version, not published
 * yet, the log has otherwise: two histories began where the backup was made, and the services know the log's.
 */
export async function adopt(tx: Tx, events: readonly OrderEvent[]): Promise<Adopted> {
  const log = new Map<string, Versions>()
  for (const event of events) {
    const versions: Versions = log.get(event.orderId) ?? new Map()
    if (!versions.has(event.version)) versions.set(event.version, event)
    log.set(event.orderId, versions)
  }
  const orderIds = [...log.keys()].sort()
  const newest = new Map([...log].map(([orderId, versions]) => [orderId, newestOf(versions)]))

  // What is missing is inserted before anything is locked: whoever creates it meanwhile is then seen by the lock.
  const inserted = await overwriteOrders(tx, [...newest.values()], false)
  const own = await lockedOrders(tx, orderIds)
  const waiting = await waitingByKey(
    tx,
    orderEvents.name,
    orderIds.map((orderId) => Buffer.from(orderId)),
  )

  const better: Versioned[] = []
  const remove: string[] = []
  const dropped: string[] = []
  for (const orderId of orderIds) {
    const versions = log.get(orderId)!
    const last = newest.get(orderId)!
    const { version } = own.get(orderId)!
    const rows = waiting.get(orderId) ?? []
    const fork = firstConflict(rows, version, versions)
    if (last.version > version || fork !== undefined) {
      better.push(last)
      remove.push(...rows)
      if (fork !== undefined) dropped.push(...rows.slice(fork))
    } else {
      const published = new Set([...versions.values()].map(({ eventId }) => eventId))
      remove.push(...rows.filter((eventId) => published.has(eventId)))
    }
  }
  await overwriteOrders(tx, better, true)
  await removeRows(tx, remove, dropped)
  return { orders: inserted + better.length, dropped }
}

/** The outbox holds an order's newest versions without a gap: the last of its rows is of the version that the order is at. */
function firstConflict(rows: readonly string[], version: number, log: Versions): number | undefined {
  const found = rows.findIndex((eventId, n) => {
    const other = log.get(version - (rows.length - 1 - n))
    return other !== undefined && other.eventId !== eventId
  })
  return found < 0 ? undefined : found
}

function newestOf(versions: Versions): Versioned {
  const { order, version, eventId } = versions.get(Math.max(...versions.keys()))!
  return { order, version, eventId }
}
