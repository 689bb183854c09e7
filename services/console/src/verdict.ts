// Why an order stands where it does: a pure function of what the services tell. Each rule says what it finds. Of all that is
// found the first state of `states` counts, and of one state the first rule, for the rules go the order's way: that Kafka
// refuses a version is why the next one finds a gap.
import { called } from '@inorder/contracts/service-names.ts'
import type { Verdict, VerdictState } from '@inorder/contracts/timeline.ts'
import type { Facts } from './facts.ts'
import { type Finding, newest } from './verdict/finding.ts'
import { notOfCart } from './verdict/foreign.ts'
import { conflicts, heldInCart, parked, paused, setAside } from './verdict/held.ts'
import { inFlight, outboxPending, partitionStalled, unreachable } from './verdict/on-its-way.ts'
import { backordered, declined, effectsFailing, effectsParked } from './verdict/outside.ts'
import { and, capitalized, utc } from './verdict/wording.ts'

type Rule = (facts: Facts) => Finding[]

const states: readonly VerdictState[] = ['held', 'waiting', 'unknown', 'moving', 'fine']
const rules: readonly Rule[] = [
  setAside,
  heldInCart,
  parked,
  paused,
  effectsParked,
  conflicts,
  notOfCart,
  declined,
  outboxPending,
  partitionStalled,
  effectsFailing,
  backordered,
  unreachable,
  inFlight,
]

export function verdictOf(facts: Facts): Verdict {
  const found = rules.flatMap((rule) => rule(facts))
  const first = states.flatMap((state) => found.filter((one) => one.state === state))[0]
  if (!first) return fine(facts)
  const { state, cause, event, isDated } = first
  const same = found.filter((one) => one.cause === cause && one.event === event && one.state === state)
  const services = [...new Set(same.map(({ service }) => service))]
  const since = same.reduce<string | null>((oldest, one) => earlier(oldest, one.since), first.since)
  const sentence = capitalized(first.sentence(and(services.map(called)), services))
  const end = state === 'fine' ? `. ${fineSentence(facts)}` : since === null || isDated ? '' : `, since ${utc(since)}`
  return {
    state,
    cause,
    // Of what holds nothing up there is none.
    service: state === 'fine' ? null : first.service,
    since,
    sentence: `${sentence}${end}.`,
    ...(event !== undefined && { event }),
    next: first.next(services),
  }
}

const fine = (facts: Facts): Verdict => ({
  ...{ state: 'fine', cause: 'none', service: null, since: null, next: [] },
  sentence: `${fineSentence(facts)}.`,
})

/** Without its end. */
function fineSentence(facts: Facts): string {
  const status = facts.services.cart.status ?? facts.services.order.status
  const version = `version ${newest(facts)}${status === null ? '' : ` (${status})`}`
  return `Every service has ${version}, and has done its part${notShipped(status, facts.services.shipping.status)}`
}

/** What an order waits for with which nothing is wrong, in the shop's words. */
function notShipped(status: string | null, shipment: string | null): string {
  if (shipment !== 'quoted' && shipment !== 'requested') return ''
  if (status === 'cancelled' || status === 'shipped' || status === 'delivered') return ''
  const first = status === 'new' || status === 'pending' ? 'confirmed or paid, and then ' : ''
  const label = shipment === 'requested' ? ', and its label is there' : ''
  return `. It is not shipped yet${label}: it ships when it is set to ${first}shipped`
}

const earlier = (a: string | null, b: string | null) =>
  a === null || (b !== null && Date.parse(b) < Date.parse(a)) ? b : a
