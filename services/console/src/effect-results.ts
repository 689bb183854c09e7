// What became of an effect that was answered: a decline is an answer too, and so is that nothing was left to do. Results are
// not stored, but what they made of the invoice and the shipment is, in the same transaction and so at the same time.
import type { EffectOfKey } from '@inorder/messaging/effects/ops.ts'
import type { Facts } from './facts.ts'

/** `answered`: it cannot be known what. Undefined: it is to be done yet. */
export function resultOf({ kind, state, doneAt }: EffectOfKey, facts: Facts): string | undefined {
  if (state !== 'done') return undefined
  const { status } = facts.services.billing
  const isNow = (done: string) => byTime(doneAt, facts.invoiceSince, done)
  switch (kind) {
    case 'charge':
      if (status === 'declined' || status === 'voided') return 'declined'
      return status === 'charged' ? isNow('charged') : 'answered'
    case 'refund':
      if (status === 'refunded') return isNow('refunded')
      return status === 'charged' ? 'declined' : status === 'voided' ? 'not needed' : 'answered'
    case 'label':
      return facts.hasLabel === null ? 'answered' : facts.hasLabel ? 'done' : 'declined'
    default:
      return facts.hasLabel === false ? 'not needed' : 'answered'
  }
}

/** The invoice came to its status by the first effect that was not declined. */
function byTime(doneAt: string | null, since: string | null, done: string): string {
  if (doneAt === null || since === null) return 'answered'
  const after = Date.parse(doneAt) - Date.parse(since)
  return after === 0 ? done : after < 0 ? 'declined' : 'not needed'
}
