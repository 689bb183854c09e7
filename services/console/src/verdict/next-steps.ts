// What can help, for each cause: only what can change something as things stand, the best first.

import { allowedAfter } from '@inorder/contracts/lifecycle.ts'
import { isRefusal } from '@inorder/contracts/receiver.ts'
import type { ServiceName } from '@inorder/contracts/service-names.ts'
import { quoted } from '@inorder/contracts/shell.ts'
import type { OutboxRow, Verdict } from '@inorder/contracts/timeline.ts'
import type { ShownEffect } from '@inorder/messaging/effects/ops.ts'
import type { ParkedEvent } from '@inorder/messaging/inbox/ops.ts'
import type { Pause } from '@inorder/messaging/inbox/pause.ts'
import { command } from '../commands.ts'
import type { Facts, Lacking, ServiceFacts } from '../facts.ts'
import { shortened } from './wording.ts'

type Steps = Verdict['next']

/** Of all services at once where it is the same in several. */
const redrive = (orderId: string, services: readonly ServiceName[], what: string, options: { 'dry-run'?: true } = {}) =>
  command('redrive', { ...(services.length === 1 && { service: services[0]! }), what, ...options }, orderId)

/** One thing to do, a command for each. */
const inEach = (services: readonly ServiceName[]) => (services.length > 1 ? ', in each service that holds it' : '')

/** What can be read the same way as before is read to the same end: these bytes can only be given up. */
const forEver = ['undecodable', 'tombstone', 'no-key', 'key-mismatch', 'batch-unreadable']

export function ofHead(facts: Facts, head: ParkedEvent, services: readonly ServiceName[]): Steps {
  const { orderId, services: all } = facts
  const { cause, event } = head
  const givenUp = services.map((service) => {
    const skips = skipsVersion(all[service], head)
    return {
      command: command(
        'discard',
        { service, event, reason: `given up: ${cause}`, ...(skips && { 'skip-version': true as const }) },
        orderId,
      ),
      explains: `${whatIsUnread(facts, head, all[service])}Gives that event up for good${skips ? ', and its version with it' : ''}, and applies what waits behind it${inEach(services)}`,
    }
  })
  if (forEver.includes(cause)) return givenUp
  const after = cause === 'unknown-schema' ? 'the registry knows its schema again' : 'what it fails at is mended'
  return [
    {
      command: redrive(orderId, services, 'events', { 'dry-run': true }),
      explains: 'Tells whether it could be applied now, and changes nothing',
    },
    { command: redrive(orderId, services, 'events'), explains: `Applies it, and what waits behind it, once ${after}` },
    ...givenUp,
  ]
}

/** What a person wants to know before they give up what nobody can read. */
function whatIsUnread({ services: { cart }, unreadBytes }: Facts, { cause }: ParkedEvent, told: ServiceFacts): string {
  if (cause !== 'undecodable' && cause !== 'unknown-schema') return ''
  const reached = told.appliedVersion ?? 0
  const following = reached + 1
  const isThere = told.parked.some(({ version }) => version === following)
  const lost = isThere
    ? `, and nothing of the order is lost with it: version ${following} is there`
    : cart.fault !== null
      ? ''
      : (cart.appliedVersion ?? 0) <= reached
        ? `, and nothing of the order is lost with it: every version of the cart is applied`
        : `, and it may stand for version ${following}, which has not come`
  const bytes = unreadBytes === null ? '' : ` It begins with ${unreadBytes}.`
  return `It is no version of the order that can be read${lost}.${bytes} If a schema is missing in the registry: do not discard it, put the schema there. `
}

/** An event of the next version takes it along. Garbage stood for it where nothing else that is parked does, and later ones wait. */
function skipsVersion({ appliedVersion, parked }: ServiceFacts, { version }: ParkedEvent): boolean {
  if (version !== null) return true
  const following = (appliedVersion ?? 0) + 1
  const versions = parked.flatMap((event) => event.version ?? [])
  return versions.some((one) => one > following) && !versions.includes(following)
}

/** The same in each service. */
const discards = (
  orderId: string,
  services: readonly ServiceName[],
  options: { event: string; reason: string; 'skip-version'?: true; 'drop-waiting'?: true },
  explains: string,
): Steps => services.map((service) => ({ command: command('discard', { service, ...options }, orderId), explains }))

/** Of the first event that waits. */
export const ofGap = (orderId: string, { event, version }: ParkedEvent, services: readonly ServiceName[]): Steps =>
  discards(
    orderId,
    services,
    { event, reason: `the versions before ${version} are lost`, 'skip-version': true },
    `Goes on without the versions that are missing before ${version}: that one and what follows are applied${inEach(services)}`,
  )

/** Of an event that waits and that the cart did not write: to go on without what is missing before it would apply it. */
export const ofForeign = (orderId: string, { event, version }: ParkedEvent, services: readonly ServiceName[]): Steps =>
  discards(
    orderId,
    services,
    { event, reason: `version ${version} is not the cart's`, 'drop-waiting': true },
    `Drops that event and applies nothing: the order stays at the version that the cart has${inEach(services)}`,
  )

export const ofConflict = (
  orderId: string,
  event: string,
  services: readonly ServiceName[],
  isOfCart: boolean,
): Steps => [
  ...(isOfCart ? [sideBySide(orderId)] : []),
  ...discards(
    orderId,
    services,
    { event, reason: 'another event of its version counts' },
    isOfCart
      ? `Drops the cart's own event${inEach(services)}, as it can no longer be applied: the next change in the cart has all of the order in it, and counts`
      : `Drops the second event of the version${inEach(services)}; the one that was applied stays`,
  ),
]

const sideBySide = (orderId: string) => ({
  command: command('show', {}, orderId),
  explains: 'Shows what the cart has and what each service has made of the order, side by side',
})

/** `reached`: the highest version that a service or the cart has. */
export const compare = (orderId: string, reached: number): Steps => [
  sideBySide(orderId),
  {
    command: command('timeline', {}, orderId),
    explains: `Shows when each version was made, by whom and in which trace, by which its writer is found. Until the cart is past version ${reached} its changes do not count in these services`,
  },
]

export const ofSetAside = (orderId: string, { event, cause }: OutboxRow): Steps => [
  {
    command: redrive(orderId, ['cart'], 'set-aside'),
    explains: "Sends it again, once the topic's max.message.bytes was raised",
  },
  {
    command: command('discard', { service: 'cart', what: 'set-aside', event, reason: `given up: ${cause}` }, orderId),
    explains: 'Gives it up for good: every service then misses its version, and waits until that is skipped',
  },
]

export const release = (orderId: string, cause: string): Steps => [
  {
    command: command('release', { reason: `looked at: ${cause}` }, orderId),
    explains: 'Lets it go on as what the newest version of the log says',
  },
]

export const resume = (orderId: string, service: ServiceName, { what, kind }: Pause): Steps => [
  {
    command:
      what === 'key'
        ? command('resume', { service }, orderId)
        : command('resume', { service, [what]: true, ...(kind !== null && { kind }) }),
    explains: `Ends the pause: what waits is ${what === 'effects' ? 'done' : 'applied'}, in order`,
  },
]

/** No request can be made of it, whoever tries. */
const neverSent = 'cannot-be-sent'

export function ofParkedEffect(orderId: string, service: ServiceName, { effect, kind, cause }: ShownEffect): Steps {
  const discard = {
    command: command('discard', { service, what: 'effects', event: effect, reason: `given up: ${cause}` }, orderId),
    explains: `Gives the ${kind} up: look at the other side first what became of it, and do it by hand if it has to be done`,
  }
  if (cause === neverSent) return [discard]
  return [
    { command: redrive(orderId, [service], 'effects'), explains: 'Tries it again, once what it failed at is mended' },
    discard,
  ]
}

export const ofFailingEffect = (orderId: string, service: ServiceName, { cause }: ShownEffect): Steps => [
  {
    command: redrive(orderId, [service], 'effects'),
    explains: isRefusal(cause)
      ? 'Tries it at once, once what the receiver refuses (a token, an address) is mended; after 10 minutes it is parked'
      : 'Tries it at once, which is not needed: by itself it is tried again within half a minute',
  },
]

/** Each of these has the charge asked for once more, where the order may go there and is not there already. */
export const asksAgain = (status: string | null): string | undefined =>
  ['paid', 'confirmed'].find((to) => status !== null && to !== status && allowedAfter(status).includes(to))

/** `shipment`: what the carrier was asked for may be on its way already. */
export function ofDeclined(orderId: string, status: string | null, shipment: string | null): Steps {
  const allowed = status === null ? [] : allowedAfter(status)
  const again = asksAgain(status)
  const parcel =
    shipment === 'dispatched'
      ? '; the carrier is asked to call back the parcel, which is on its way'
      : shipment === 'delivered'
        ? '; the parcel was delivered, and is not called back'
        : ''
  return [
    ...(again === undefined
      ? []
      : [
          {
            command: command('update', {}, orderId, again),
            explains: `Sets it to ${again}, at which the gateway is asked once more: for when the customer has made the payment possible`,
          },
        ]),
    ...(allowed.includes('cancelled')
      ? [
          {
            command: command('update', {}, orderId, 'cancelled'),
            explains: `Cancels the order; nothing was charged${parcel}`,
          },
        ]
      : []),
  ]
}

/** A number in the place of `<whole count>`, which only a person knows, makes JSON of it. */
export const setStock = ({ itemId, quantity, available, onHand, url }: Lacking): Steps[number] => {
  const now =
    onHand === null
      ? 'its stock was never set'
      : `now ${onHand}, of which ${onHand - available} are promised to other orders`
  return {
    command: `curl -X PUT ${quoted(url)} -H 'content-type: application/json' -d '{"onHand": <whole count>}'`,
    explains: `Sets how many there are of ${shortened(itemId)} in all, not what came in (${now}); this order wants ${quantity}. It then gets its stock by itself`,
  }
}

export const watch = (orderId: string, explains: string): Steps => [
  { command: command('watch', {}, orderId), explains },
]

export const findOutWhy = (): Steps => [
  {
    command: command('doctor', {}),
    explains: 'Checks Kafka, the registry and the databases, and says how to mend what is wrong',
  },
]

export const lookAtServices = (): Steps => [
  { command: command('status', {}), explains: 'Says of each service whether it answers and what it lacks' },
]
