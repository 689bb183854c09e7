// What somebody has to decide of an order's events.
import type { VerdictCause } from '@inorder/contracts/timeline.ts'
import type { ParkedEvent } from '@inorder/messaging/inbox/ops.ts'
import type { Pause } from '@inorder/messaging/inbox/pause.ts'
import type { Facts, ServiceFacts } from '../facts.ts'
import { consumers, type Finding, holderIn, isBehind } from './finding.ts'
import { inCart, isForeign, isOther } from './foreign.ts'
import * as steps from './next-steps.ts'
import { shortened, utc } from './wording.ts'

export function setAside({ orderId, outbox }: Facts): Finding[] {
  const row = outbox.find(({ service, setAside }) => service === 'cart' && setAside)
  if (!row) return []
  return [
    {
      ...{ state: 'held', cause: 'set-aside', service: 'cart', since: row.since, event: row.event },
      sentence: () =>
        `Kafka refuses the event of version ${row.version ?? '?'} for good (${row.cause}): the cart has set it aside, and what comes after it waits`,
      next: () => steps.ofSetAside(orderId, row),
    },
  ]
}

export function heldInCart({ orderId, hold }: Facts): Finding[] {
  if (!hold) return []
  const cause = hold.cause === 'gap' || hold.cause === 'undecodable' ? hold.cause : 'refused'
  return [
    {
      ...{ state: 'held', cause, service: 'cart', since: hold.since },
      sentence: () =>
        `The cart takes no change of it, because it cannot be joined with the log (${shortened(hold.detail)})`,
      next: () => steps.release(orderId, hold.cause),
    },
  ]
}

/** While there is one, nothing that is parked is redriven or discarded. */
const pauseIn = ({ pauses }: ServiceFacts) => pauses.find(({ what }) => what !== 'effects')

/** Of what holds up; all others are `refused`: the event can be read, and the service cannot take it. */
const unreadable = ['undecodable', 'unknown-schema', 'tombstone', 'no-key', 'key-mismatch', 'batch-unreadable']

export function parked(facts: Facts): Finding[] {
  return consumers(facts).flatMap(([service, told]): Finding[] => {
    const event = holderIn(told)
    if (!event || event.cause === 'paused') return []
    const cause = event.state === 'waiting' ? 'gap' : unreadable.includes(event.cause) ? 'undecodable' : 'refused'
    const isForeignGap = cause === 'gap' && isForeign(event.version, facts)
    const pause = pauseIn(told)
    return [
      {
        ...{ state: 'held', cause, service, since: event.parkedAt, event: event.event },
        isDated: isForeignGap,
        sentence: (where) =>
          isForeignGap
            ? `Version ${event.version} has been waiting in ${where} since ${utc(event.parkedAt)}, and the cart has ${inCart(facts)}: another program wrote this event`
            : heldSentence(where, cause, event),
        next(services) {
          if (pause) return steps.resume(facts.orderId, service, pause)
          if (isForeignGap) return steps.ofForeign(facts.orderId, event, services)
          return cause === 'gap' ? steps.ofGap(facts.orderId, event, services) : steps.ofHead(facts, event, services)
        },
      },
    ]
  })
}

function heldSentence(where: string, cause: VerdictCause, { version, cause: why, detail }: ParkedEvent): string {
  const told = `(${why}: ${shortened(detail)})`
  if (cause === 'gap')
    return `Version ${version} waits in ${where} for one before it that has not come (${shortened(detail)})`
  if (cause === 'undecodable') return `An event cannot be read in ${where} and holds up what comes after it ${told}`
  return `${version === null ? 'An event' : `Version ${version}`} cannot be applied in ${where} and holds up what comes after it ${told}`
}

export function conflicts(facts: Facts): Finding[] {
  return consumers(facts).flatMap(([service, told]): Finding[] => {
    const event = told.parked.find(({ state }) => state === 'conflict')
    if (!event) return []
    const pause = pauseIn(told)
    // What is applied is held up by nothing, unless it is not what the cart wrote.
    const isWrong = isOther(event.version, service, told, facts)
    return [
      {
        ...{ state: isWrong ? 'held' : 'fine', cause: 'conflict', service, since: event.parkedAt, event: event.event },
        sentence: (where) =>
          `Version ${event.version} has come twice with different content; ${
            isWrong
              ? `in ${where} the one that was applied is not the cart's: another program wrote it, and the cart's own was put aside`
              : `in ${where} the first of them was applied, the second is put aside, and nothing is held up by it`
          }`,
        next: (services) =>
          pause
            ? steps.resume(facts.orderId, service, pause)
            : steps.ofConflict(facts.orderId, event.event, services, isWrong),
      },
    ]
  })
}

export function paused(facts: Facts): Finding[] {
  const pausesOf = (told: ServiceFacts) => told.pauses.filter((pause) => holdsUp(pause, told, facts))
  return consumers(facts).flatMap(([service, told]) =>
    pausesOf(told).map((pause): Finding => {
      const { what, kind, since, until, operator, reason } = pause
      const thing =
        what === 'inbox'
          ? 'Everything'
          : what === 'key'
            ? 'The order'
            : `What is to be done outside (${kind ?? 'all of it'})`
      const why = reason === null ? '' : ` (${shortened(reason)})`
      return {
        ...{ state: until === null ? 'held' : 'waiting', cause: 'paused', service, since },
        sentence: (where) =>
          `${thing} is paused in ${where} by ${operator}${why}${until === null ? '' : ` until ${utc(until)}`}`,
        next: (services) =>
          services.flatMap((one) =>
            pausesOf(facts.services[one]).flatMap((of) => steps.resume(facts.orderId, one, of)),
          ),
      }
    }),
  )
}

function holdsUp({ what, kind }: Pause, told: ServiceFacts, facts: Facts): boolean {
  if (what === 'effects')
    return told.effects.some((effect) => effect.state === 'paused' && (kind ?? effect.kind) === effect.kind)
  return isBehind(told, facts) || holderIn(told)?.cause === 'paused'
}
