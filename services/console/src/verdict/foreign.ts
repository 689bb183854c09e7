// Events of an order that the cart did not write: another program did, or the cart has lost them.
import type { ServiceName } from '@inorder/contracts/service-names.ts'
import type { Facts, ServiceFacts } from '../facts.ts'
import { consumers, type Finding } from './finding.ts'
import * as steps from './next-steps.ts'

/** Above the cart's own, as long as the cart says what it has. */
export const isForeign = (version: number | null, { services: { cart } }: Facts): boolean =>
  cart.fault === null && version !== null && version > (cart.appliedVersion ?? 0)

const withStatus = (version: number, status: string | null) => `version ${version}${status ? ` (${status})` : ''}`

/** What the cart has, after `the cart has`. */
export const inCart = ({ services: { cart } }: Facts, only = 'only '): string =>
  cart.appliedVersion ? only + withStatus(cart.appliedVersion, cart.status) : 'no such order'

/** The event that a service has applied as this version, where it says so, and the status that it came to by that. */
function appliedAs(version: number, service: ServiceName, { appliedVersion, eventId }: ServiceFacts, facts: Facts) {
  const history = facts.versions.find((one) => one.version === version)
  if (service === 'order' && history) return history
  if (appliedVersion !== version || eventId === null) return undefined
  return { eventId, status: history?.eventId === eventId ? history.status : null }
}

/** What it has applied as the cart's version, where that is another event than the cart wrote. */
function otherAs(service: ServiceName, told: ServiceFacts, facts: Facts) {
  const { cart } = facts.services
  if (cart.fault !== null || !cart.appliedVersion) return undefined
  const applied = appliedAs(cart.appliedVersion, service, told, facts)
  if (!applied) return undefined
  const isSame =
    cart.eventId === null
      ? applied.status === null || cart.status === null || applied.status === cart.status
      : applied.eventId === cart.eventId
  return isSame ? undefined : applied
}

/** It has applied another event as this version than the cart wrote. */
export const isOther = (version: number | null, service: ServiceName, told: ServiceFacts, facts: Facts): boolean =>
  version === facts.services.cart.appliedVersion && otherAs(service, told, facts) !== undefined

export function notOfCart(facts: Facts): Finding[] {
  const { cart, order } = facts.services
  const version = cart.appliedVersion ?? 0
  const all = consumers(facts).map(([service, told]) => ({ service, told, has: told.appliedVersion ?? 0 }))
  const highest = Math.max(0, ...all.map(({ has }) => has))
  const of = ({ service, told, has }: (typeof all)[number], what: string): Finding => ({
    ...{ state: 'held', cause: 'differs-from-cart', service, since: told.appliedAt, isDated: true },
    sentence: (where, services) =>
      `${where} ${services.length === 1 ? 'has' : 'have'} ${what}: another program wrote it, or the cart was restored from an older backup`,
    next: () => steps.compare(facts.orderId, Math.max(has, version)),
  })
  if (isForeign(highest, facts)) {
    const status = order.appliedVersion === highest ? order.status : null
    const what = `${withStatus(highest, status)}, and the cart ${version === 0 ? 'has ' : ''}${inCart(facts)}`
    return all.filter(({ has }) => has === highest).map((one) => of(one, what))
  }
  const others = all.flatMap((one) => {
    const applied = otherAs(one.service, one.told, facts)
    if (!applied) return []
    const isOfStatus = applied.status !== null && applied.status !== cart.status
    const [theirs, ours] = isOfStatus
      ? [applied.status, cart.status]
      : [`event ${applied.eventId}`, `event ${cart.eventId}`]
    return [{ one, what: `another version ${version} (${theirs}) than the cart (${ours})` }]
  })
  return others.filter(({ what }) => what === others[0]?.what).map(({ one, what }) => of(one, what))
}
