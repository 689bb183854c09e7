// What billing decides about an order. Pure: nothing here knows of HTTP, SQL or Kafka.
//
//   draft -> charged -> refunded
//     |  '-> declined -> charged | declined | voided
//     '-> voided
//
// Events say what is wanted (`asked`), the gateway's answers what is so (`status`): an event never waits for the gateway,
// and an answer that comes late still counts. Of an order, effects are done in the order of the events that asked for
// them, so a refund finds what became of every charge before it.
import { meaningOf } from '@inorder/contracts/lifecycle.ts'
import { minorUnits } from '@inorder/contracts/money.ts'
import type { Order } from '@inorder/contracts/order.ts'
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import type { Effect } from '@inorder/messaging/inbox/effect.ts'
import type { Answer } from '@inorder/service/call.ts'

export interface Invoice {
  readonly orderId: string
  readonly customerId: string
  readonly amount: number
  readonly currency: string
  readonly status: 'draft' | 'charged' | 'declined' | 'voided' | 'refunded'
  /** `nothing`: the gateway never was asked for any. `cancel` is for good. */
  readonly asked: 'nothing' | 'charge' | 'cancel'
  /** The gateway's number of the charge; null: there is none. */
  readonly payment: string | null
}

export type Kind = 'charge' | 'refund'

/** Both sides of it, the amount is the invoice's. */
export interface Posting {
  readonly kind: Kind
  readonly debit: string
  readonly credit: string
  /** The gateway's number. */
  readonly reference: string
}

export function apply(before: Invoice | undefined, { order }: OrderEvent): { state: Invoice; effects: Effect[] } {
  const now = before ?? draft(order)
  const become = (change: Partial<Invoice>, ...kinds: Kind[]) => ({
    state: { ...now, ...change },
    effects: kinds.map((kind) => ({ kind, payload: null })),
  })
  const meaning = meaningOf(order.status)
  switch (meaning) {
    case undefined:
    case 'new':
    case 'pending':
      return become({})
    // What has left the house is to be paid, also where nobody said that it is confirmed.
    case 'confirmed':
    case 'paid':
    case 'shipped':
    case 'delivered':
      if (now.asked === 'cancel' || now.status === 'charged') return become({})
      if (now.amount === 0) return become({ status: 'charged' })
      // Also while a charge is under way: if that one is declined, this is the next attempt, else nothing is left to do.
      return become({ asked: 'charge' }, 'charge')
    case 'cancelled':
      if (now.status === 'voided' || now.status === 'refunded') return become({})
      if (now.asked === 'nothing') return become({ asked: 'cancel', status: 'voided' })
      return become({ asked: 'cancel' }, 'refund')
    default:
      return meaning satisfies never
  }
}

const nothingCharged = ({ status }: Invoice) => status === 'draft' || status === 'declined'

/**
 * What the gateway is to be asked for, if anything. It follows from the answers to earlier effects alone, not from what
 * is asked meanwhile: of an attempt whose answer was lost, the next one must be the same.
 */
export function requestOf(kind: Kind, now: Invoice): { path: string; body: object } | null {
  const { orderId, customerId, amount, currency, status, payment } = now
  if (kind === 'charge')
    return nothingCharged(now) ? { path: 'charges', body: { orderId, customerId, amount, currency } } : null
  return status === 'charged' ? { path: 'refunds', body: { orderId, payment, amount, currency } } : null
}

/** After an effect; `answer` is null when there was nothing to ask for. */
export function settled(kind: Kind, now: Invoice, answer: Answer | null): { state: Invoice; posting?: Posting } {
  if (!answer) return { state: kind === 'refund' && nothingCharged(now) ? { ...now, status: 'voided' } : now }
  if (kind === 'charge') {
    if (answer.status === 'declined') return { state: { ...now, status: 'declined' } }
    const posting = { kind, debit: 'cash', credit: 'revenue', reference: answer.id }
    return { state: { ...now, status: 'charged', payment: answer.id }, posting }
  }
  // A refund that is declined: the money is still here. Another `cancelled` asks again.
  if (answer.status === 'declined') return { state: now }
  const posting = { kind, debit: 'revenue', credit: 'cash', reference: answer.id }
  return { state: { ...now, status: 'refunded' }, posting }
}

/** The amount stays that of the first event: a change of status is all that follows. */
function draft({ orderId, customerId, totalAmount: amount, currency }: Order): Invoice {
  minorUnits(currency) // throws for what is none: no gateway could charge it
  return { orderId, customerId, amount, currency, status: 'draft', asked: 'nothing', payment: null }
}
