import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import type { EffectKind } from '@inorder/messaging/inbox/effect.ts'
import type { Handler } from '@inorder/messaging/inbox/handler.ts'
import { type Answer, callOnce } from '@inorder/service/call.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import { apply, type Invoice, type Kind, requestOf, settled } from './invoice.ts'
import { find, load, post, save } from './store.ts'

export const billingHandler: Handler<Invoice, OrderEvent> = { load, apply, save }

/** What is asked of the payment gateway. */
export function paymentEffects(
  pool: Pool,
  gatewayUrl: string,
  logger: Logger,
  token?: () => string | undefined,
): Record<Kind, EffectKind> {
  const effect = (kind: Kind): EffectKind<unknown, Answer | null> => ({
    async perform({ key: orderId }, call) {
      const request = requestOf(kind, await invoiceOf(pool, orderId))
      if (!request) return null
      const answer = await callOnce(`${gatewayUrl}/${request.path}`, request.body, call, token)
      if (kind === 'refund' && answer.status === 'declined')
        logger.warn(
          { orderId },
          'the gateway declined a refund: the charge stands until somebody settles it with the gateway',
        )
      return answer
    },
    async settle(tx, { key: orderId }, answer) {
      const before = await invoiceOf(tx, orderId)
      const { state, posting } = settled(kind, before, answer)
      if (state === before) return
      await save(tx, new Map([[orderId, state]]))
      if (posting) await post(tx, state, posting)
    },
  })
  return { charge: effect('charge'), refund: effect('refund') }
}

async function invoiceOf(db: Tx, orderId: string): Promise<Invoice> {
  const invoice = await find(db, orderId)
  if (!invoice) throw new Error(`there is no invoice of ${orderId}`)
  return invoice
}
