// What the cart decides about an order. Pure: nothing here knows of HTTP, SQL or Kafka.
import type { Order } from '@inorder/contracts/order.ts'
import type { OrderEvent } from '@inorder/contracts/order-event.ts'

/** An order as the cart holds it: what it is, its version, and the event that made that version. */
export interface Versioned {
  order: Order
  version: number
  eventId: string
  /** Why it takes no change until an operator decides (rule 12). */
  held?: string
}

export interface ChangeStatus {
  orderId: string
  status: string
  /** Which versions the client agrees to change. */
  accepts(version: number): boolean
  /** The policy: whether an order may go from one status to another. */
  permits(from: string, to: string): boolean
}

export type Outcome =
  | { kind: 'created' | 'changed' | 'unchanged'; now: Versioned }
  | { kind: 'exists' | 'missing'; orderId: string }
  | { kind: 'other-version'; orderId: string; version: number }
  | { kind: 'illegal-move'; from: string; to: string }

/** The first version of an order that does not exist yet. */
export const created = (order: Order, eventId: string): Versioned => ({ order, version: 1, eventId })

/** A change of status. The version is looked at before "it has that status already". */
export function changeStatus(current: Versioned | undefined, change: ChangeStatus, eventId: string): Outcome {
  if (!current) return { kind: 'missing', orderId: change.orderId }
  const { order, version } = current
  if (!change.accepts(version)) return { kind: 'other-version', orderId: change.orderId, version }
  if (order.status === change.status) return { kind: 'unchanged', now: current }
  if (!change.permits(order.status, change.status))
    return { kind: 'illegal-move', from: order.status, to: change.status }
  return { kind: 'changed', now: { order: { ...order, status: change.status }, version: version + 1, eventId } }
}

/** The event that tells of this version. `previousStatus` is null for a new order. */
export function eventOf({ order, version, eventId }: Versioned, previousStatus: string | null, now: Date): OrderEvent {
  return {
    eventId,
    type: previousStatus === null ? 'OrderCreated' : 'OrderStatusChanged',
    orderId: order.orderId,
    version,
    occurredAt: now.toISOString(),
    order,
    previousStatus,
  }
}
