import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import type { EffectKind } from '@inorder/messaging/effects/effect.ts'
import type { Handler } from '@inorder/messaging/inbox/handler.ts'
import { callOnce } from '@inorder/service/call.ts'
import type { Pool } from 'pg'
import { apply, labelled, type Shipment, type ShipOn } from './shipment.ts'
import { find, load, save } from './store.ts'

export const shippingHandler = (shipOn: ShipOn): Handler<Shipment, OrderEvent> => ({
  load,
  apply: (before, event) => apply(before, event, shipOn),
  save,
})

/** The carrier's answer: what was done has an id, by which it is tracked. */
interface Deed {
  status: 'done' | 'declined'
  id: string
}
type OfOrder = { orderId: string }

/** What is asked of the carrier: a label, and to undo what has one. */
export function carrierEffects(pool: Pool, carrierUrl: string): Record<string, EffectKind> {
  const label: EffectKind<OfOrder, Deed> = {
    perform: ({ payload }, call) => callOnce<Deed>(`${carrierUrl}/labels`, payload, call),
    async settle(tx, { orderId }, { status, id }) {
      const now = await find(tx, orderId)
      if (!now) throw new Error(`there is no shipment of ${orderId}`)
      const given = status === 'declined' ? null : { label: `${carrierUrl}/labels/${id}`, tracking: id }
      await save(tx, new Map([[orderId, labelled(now, given)]]))
    },
  }
  const undo = (path: string): EffectKind<OfOrder, Deed | undefined> => ({
    async perform({ orderId }, call) {
      const tracking = (await find(pool, orderId))?.tracking
      // The label was declined: there is nothing to undo.
      return tracking ? callOnce<Deed>(`${carrierUrl}/${path}`, { orderId, tracking }, call) : undefined
    },
    settle: async () => {},
  })
  return { label, cancellation: undo('cancellations'), recall: undo('recalls') }
}
