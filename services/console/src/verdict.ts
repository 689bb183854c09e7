// Why an order stands where it does: a pure function of what the services tell. Each rule says what it finds. Of all that is
// found the first state of `states` counts, and of one state the first rule, for the rules go the order's way: that Kafka
// refuses a version is why the next one finds a gap.
import type { Verdict, VerdictState } from '@inorder/contracts/timeline.ts'
import type { Facts } from './facts.ts'
import { type Finding, newest } from './verdict/finding.ts'
import { conflicts, heldInCart, parked, paused, setAside } from './verdict/held.ts'
import { inFlight, outboxPending, partitionStalled, unreachable } from './verdict/on-its-way.ts'
import { backordered, declined, effectsFailing, effectsParked } from './verdict/outside.ts'
import { and, utc } from './verdict/wording.ts'

type Rule = (facts: Facts) => Finding[]

const states: readonly VerdictState[] = ['held', 'waiting', 'unknown', 'moving']
const rules: readonly Rule[] = [
  setAside,
  heldInCart,
  parked,
  paused,
  effectsParked,
  conflicts,
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
  const { state, cause, event } = first
  const same = found.filter((one) => one.cause === cause && one.event === event && one.state === state)
  const services = [...new Set(same.map(({ service }) => service))]
  const since = same.reduce<string | null>((oldest, one) => earlier(oldest, one.since), first.since)
  return {
    state,
    cause,
    service: first.service,
    since,
    sentence: `${first.sentence(and(services))}${since === null ? '' : `, since ${utc(since)}`}.`,
    ...(event !== undefined && { event }),
    next: first.next(services),
  }
}

function fine(facts: Facts): Verdict {
  const status = facts.services.cart.status ?? facts.services.order.status
  const sentence = `Every service has version ${newest(facts)}${status === null ? '' : ` (${status})`}, and has done its part.`
  return { state: 'fine', cause: 'none', service: null, since: null, sentence, next: [] }
}

const earlier = (a: string | null, b: string | null) =>
  a === null || (b !== null && Date.parse(b) < Date.parse(a)) ? b : a
