import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import type { EffectKind } from '@inorder/messaging/inbox/effect.ts'
import type { Handler } from '@inorder/messaging/inbox/handler.ts'
import { type Answer, callOnce } from '@inorder/service/call.ts'
import type { Pool } from 'pg'
import { apply, labelled, type Shipment, type ShipOn } from './shipment.ts'
import { find, load, save } from './store.ts'

export const shippingHandler = (shipOn: ShipOn): Handler<Shipment, OrderEvent> => ({
  load,
  apply: (before, event) => apply(before, event, shipOn),
  save,
})

type OfOrder = { orderId: string }

/**
 * What is asked of the carrier: a label, and to undo what has one. `publicUrl` is where those who read a label find the
 * carrier, who may not know the name that we call it by.
 */
export function carrierEffects(
  pool: Pool,
  carrierUrl: string,
  publicUrl: string,
  token?: () => string | undefined,
): Record<string, EffectKind> {
  const trackedBy = (id: string) => ({ label: `${publicUrl}/labels/${encodeURIComponent(id)}`, tracking: id })
  const label: EffectKind<OfOrder, Answer> = {
    perform: ({ payload }, call) => callOnce(`${carrierUrl}/labels`, payload, call, token),
    async settle(tx, { key: orderId }, answer) {
      const now = await find(tx, orderId)
      if (!now) throw new Error(`there is no shipment of ${orderId}`)
      const given = answer.status === 'declined' ? null : trackedBy(answer.id)
      await save(tx, new Map([[orderId, labelled(now, given)]]))
    },
  }
  const undo = (path: string): EffectKind<OfOrder, Answer | undefined> => ({
    async perform({ key: orderId }, call) {
      const tracking = (await find(pool, orderId))?.tracking
      // The label was declined: there is nothing to undo.
      return tracking ? callOnce(`${carrierUrl}/${path}`, { orderId, tracking }, call, token) : undefined
    },
    settle: async () => {},
  })
  return { label, cancellation: undo('cancellations'), recall: undo('recalls') }
}
