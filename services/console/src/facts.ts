// What the services tell of one order, asked of all at once.
import type { ServiceName } from '@inorder/contracts/service-names.ts'
import type { OrderVersion, OutboxRow, VersionRange } from '@inorder/contracts/timeline.ts'
import type { EffectOfKey } from '@inorder/messaging/effects/ops.ts'
import type { ParkedEvent } from '@inorder/messaging/inbox/ops.ts'
import type { Pause } from '@inorder/messaging/inbox/pause.ts'
import { lackingOf, unreadBytesOf, versionsOf, withGaps } from './facts-of-order.ts'
import { cartFacts, consumerFacts } from './facts-of-service.ts'
import type { Viewer } from './viewer.ts'

export interface ServiceFacts {
  /** Why the service counts as unreachable: `does not answer`; null: it told what it was asked for. */
  fault: string | null
  /** Null: nothing of the order has come. */
  appliedVersion: number | null
  appliedAt: string | null
  /** Of the event that made `appliedVersion`; in the cart, that it wrote for it. Null: not known, or skipped by hand. */
  eventId: string | null
  /** Versions that an operator skipped: no event of them was applied. */
  skipped: VersionRange[]
  status: string | null
  parked: ParkedEvent[]
  /** Done, or to be done yet. */
  effects: EffectOfKey[]
  /** Those that keep this order from going on. */
  pauses: Pause[]
  /** What its readiness says of Kafka, and of the order's partition. */
  missing: string[]
  /** Events of the order's partition that have not been applied. */
  lag: number | null
}

/** As the cart has it: nothing is written to the order until somebody decides. */
export interface Hold {
  cause: string
  detail: string
  since: string
}

export interface Lacking {
  itemId: string
  quantity: number
  available: number
  /** What was counted last, in all; null: its stock was never set. */
  onHand: number | null
  /** Where it is set. */
  url: string
}

export interface Facts {
  orderId: string
  /** When it was told. */
  now: Date
  services: Record<ServiceName, ServiceFacts>
  versions: OrderVersion[]
  outbox: OutboxRow[]
  hold: Hold | null
  /** What a backordered order waits for; of its first 10 items. */
  lacking: Lacking[]
  /** Since when the invoice is what it is. */
  invoiceSince: string | null
  /** Why the shipment was cancelled, unless the customer did it. */
  shipmentReason: string | null
  /** The carrier has given a label; null: not known. */
  hasLabel: boolean | null
  /** The first bytes of what cannot be read, in hex and as text; null: nothing is, or the caller may not see them. */
  unreadBytes: string | null
}

export type Ask = Viewer['ask']

export async function factsOf(viewer: Pick<Viewer, 'ask'>, orderId: string): Promise<Facts> {
  const ask: Ask = (...asked) => viewer.ask(...asked)
  const id = encodeURIComponent(orderId)
  const inInventory = consumerFacts(ask, 'inventory', orderId, `/reservations/${id}`)
  const all = Promise.all([
    consumerFacts(ask, 'order', orderId, `/order-details?orderId=${id}`),
    inInventory,
    consumerFacts(ask, 'billing', orderId, `/invoices/${id}`),
    consumerFacts(ask, 'shipping', orderId, `/shipments/${id}`),
    versionsOf(ask, id),
  ])
  const [cart, [order, inventory, billing, shipping, versions], lacking, unreadBytes] = await Promise.all([
    cartFacts(ask, orderId, all),
    all,
    inInventory.then(({ part: { status, lines = [] } }) => (status === 'backordered' ? lackingOf(ask, lines) : [])),
    all.then(([order, inventory, billing, shipping]) =>
      unreadBytesOf(ask, id, { order, inventory, billing, shipping }),
    ),
  ])
  return {
    orderId,
    now: new Date(),
    services: {
      cart: cart.facts,
      order: { ...order.facts, skipped: withGaps(order.facts.skipped, versions) },
      inventory: inventory.facts,
      billing: billing.facts,
      shipping: shipping.facts,
    },
    versions,
    outbox: [cart, order, inventory, billing, shipping].flatMap(({ outbox }) => outbox),
    hold: cart.hold,
    lacking,
    invoiceSince: billing.part.statusSince ?? null,
    shipmentReason: shipping.part.reason ?? null,
    hasLabel: shipping.part.label === undefined ? null : shipping.part.label !== null,
    unreadBytes,
  }
}
