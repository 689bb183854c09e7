// What others have to do for an order, or did not: payment gateway, carrier, whoever fills the stock.
import { isAbsent, isRefusal } from '@inorder/contracts/receiver.ts'
import type { ServiceName } from '@inorder/contracts/service-names.ts'
import type { Verdict, VerdictCause } from '@inorder/contracts/timeline.ts'
import type { ShownEffect } from '@inorder/messaging/effects/ops.ts'
import type { Facts, ServiceFacts } from '../facts.ts'
import { consumers, type Finding, isBehind, pending } from './finding.ts'
import * as steps from './next-steps.ts'
import { detailShown, receiverOf, shortened, utc } from './wording.ts'

export function effectsParked(facts: Facts): Finding[] {
  return consumers(facts).flatMap(([service, told]): Finding[] => {
    const effect = told.effects.find(({ state }) => state === 'parked')
    if (!effect) return []
    const pause = told.pauses.find(({ what, kind }) => what === 'effects' && (kind ?? effect.kind) === effect.kind)
    return [
      {
        ...{ state: 'held', cause: 'effect-parked', service, since: effect.parkedAt, event: effect.effect },
        sentence: () =>
          `The ${effect.kind} of version ${effect.version} is not done: ${whyNot(effect)}; ${service} tries it no more`,
        next: () =>
          pause ? steps.resume(facts.orderId, service, pause) : steps.ofParkedEffect(facts.orderId, service, effect),
      },
    ]
  })
}

export function effectsFailing(facts: Facts): Finding[] {
  return consumers(facts).flatMap(([service, { effects }]): Finding[] => {
    const effect = effects.find(
      ({ state, failingSince }) => (state === 'again' || state === 'running') && failingSince !== null,
    )
    if (!effect) return []
    const { kind, version, attempts, cause, failingSince: since, effect: event } = effect
    const isRefused = isRefusal(cause)
    const goesOn = isRefused ? 'until somebody mends what is refused' : 'by itself'
    const from = since === null ? '' : `, since ${utc(since)}`
    return [
      {
        ...{ state: isRefused ? 'held' : 'waiting', cause: 'effect-failing', service, since, event, isDated: true },
        sentence: () =>
          `The ${kind} of version ${version} fails and is tried again ${goesOn} (attempt ${attempts}): ${whyNot(effect)}${from}. ${toDo(effect)}`,
        next: () => steps.ofFailingEffect(facts.orderId, service, effect),
      },
    ]
  })
}

/** Whether somebody has to do something, and when somebody will. */
function toDo({ kind, cause }: ShownEffect): string {
  if (isRefusal(cause)) return 'After 10 minutes it is held for a person, and no longer tried by itself'
  return isAbsent(cause)
    ? `There is nothing to do: ${receiverOf(kind)} has to come back. If it alone still fails after 10 minutes, while others are done, it is held for a person`
    : 'There is nothing to do yet: if it goes on failing, for 10 minutes at most, it is held for a person'
}

/** Causes that are an answer of the receiver, of docs/api.md. */
const ofReceiver = /^(status-\d+|redirected|answer-.*)$/

function whyNot({ kind, cause, detail }: ShownEffect): string {
  const receiver = receiverOf(kind)
  const told = detail === null ? '' : ` (${detailShown(detail)})`
  if (cause === 'no-answer') return `${receiver} does not answer${told}`
  if (isAbsent(cause)) return `${receiver} is unavailable${detail === null ? ` (${cause})` : told}`
  if (ofReceiver.test(cause ?? '')) return `the answer of ${receiver} is neither a yes nor a no, ${cause}${told}`
  return `it fails here, ${cause}${told}`
}

/** By the shipment's status: what has left without being paid. */
const parcels: Record<string, string> = {
  dispatched: ', and the parcel is on its way all the same',
  delivered: ', and the parcel was delivered all the same',
}

export function declined(facts: Facts): Finding[] {
  const { billing, shipping } = facts.services
  const status = facts.services.cart.status ?? facts.services.order.status
  const isDone = (told: ServiceFacts) => !isBehind(told, facts) && pending(told).length === 0
  const found: Finding[] = []
  const of = (
    cause: VerdictCause,
    service: ServiceName,
    since: string | null,
    sentence: string,
    next: Verdict['next'],
  ) => found.push({ state: 'held', cause, service, since, isDated: true, sentence: () => sentence, next: () => next })
  if (isDone(billing) && billing.status === 'declined') {
    const at = facts.invoiceSince === null ? '' : ` (${utc(facts.invoiceSince)})`
    const parcel = parcels[shipping.status ?? ''] ?? ''
    const contact =
      steps.asksAgain(status) === undefined
        ? '. No status that it may go to has the charge asked for again: the customer has to be contacted'
        : ''
    of(
      'payment-declined',
      'billing',
      facts.invoiceSince,
      `The payment gateway has declined the charge${at}${parcel}${contact}`,
      steps.ofDeclined(facts.orderId, status, shipping.status),
    )
  }
  // Of a refund that is declined the invoice stays charged.
  if (isDone(billing) && billing.status === 'charged' && status === 'cancelled')
    of(
      'payment-declined',
      'billing',
      null,
      'The order is cancelled, and the payment gateway has declined the refund',
      [],
    )
  if (isDone(shipping) && facts.shipmentReason !== null && status !== 'cancelled')
    of(
      'refused',
      'shipping',
      null,
      `The shipment is cancelled (${shortened(facts.shipmentReason)}), and an order has one shipment`,
      [],
    )
  return found
}

export function backordered(facts: Facts): Finding[] {
  const { inventory } = facts.services
  if (inventory.status !== 'backordered' || isBehind(inventory, facts)) return []
  const lacks = facts.lacking.map(
    ({ itemId, quantity, available, onHand }) =>
      `${itemId}: ${quantity} wanted, ${available} there${onHand === null ? ', its stock was never set' : ''}`,
  )
  const why =
    lacks.length > 0 ? `there is not enough (${lacks.join('; ')})` : 'orders that came before it want the same items'
  return [
    {
      ...{ state: 'waiting', cause: 'backordered', service: 'inventory', since: inventory.appliedAt },
      sentence: () => `It waits for stock: ${why}`,
      next: () => [
        ...facts.lacking.map(steps.setStock),
        ...steps.watch(facts.orderId, 'Reports when it gets its stock, which it does by itself once enough is there'),
      ],
    },
  ]
}
