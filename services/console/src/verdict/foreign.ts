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

/** The event that a service has applied as this version, where it says so. */
function appliedAs(version: number, service: ServiceName, { appliedVersion, eventId }: ServiceFacts, facts: Facts) {
  const known = service === 'order' ? facts.versions.find((one) => one.version === version) : undefined
  return known ?? (appliedVersion === version ? { eventId, status: null } : undefined)
}

/** It has applied another event as this version than the cart wrote. */
export function isOther(version: number | null, service: ServiceName, told: ServiceFacts, facts: Facts): boolean {
  const { cart } = facts.services
  if (version === null || cart.fault !== null || version !== cart.appliedVersion) return false
  const applied = appliedAs(version, service, told, facts)
  if (!applied) return false
  const { eventId, status } = applied
  if (eventId !== null && cart.eventId !== null) return eventId !== cart.eventId
  return status !== null && cart.status !== null && status !== cart.status
}

const why = 'another program wrote it, or the cart was restored from an older backup'

export function notOfCart(facts: Facts): Finding[] {
  const { cart } = facts.services
  const version = cart.appliedVersion
  return consumers(facts).flatMap(([service, told]): Finding[] => {
    const has = told.appliedVersion
    const isAhead = isForeign(has, facts)
    if (has === null || !(isAhead || isOther(version, service, told, facts))) return []
    const of = { state: 'held', cause: 'differs-from-cart', service, since: told.appliedAt, isDated: true } as const
    const next = () => steps.compare(facts.orderId, Math.max(has, version ?? 0))
    const verb = (services: readonly ServiceName[]) => (services.length === 1 ? 'has' : 'have')
    if (isAhead) {
      const { order } = facts.services
      const status = order.appliedVersion === has ? order.status : null
      const sentence: Finding['sentence'] = (where, services) =>
        `${where} ${verb(services)} ${withStatus(has, status)}, and the cart ${version ? '' : 'has '}${inCart(facts)}: ${why}`
      return [{ ...of, sentence, next }]
    }
    const applied = appliedAs(version!, service, told, facts)
    const theirs = applied?.status && applied.status !== cart.status ? applied.status : `event ${applied?.eventId}`
    const ours = applied?.status && applied.status !== cart.status ? cart.status : `event ${cart.eventId}`
    const sentence: Finding['sentence'] = (where, services) =>
      `${where} ${verb(services)} another version ${version} (${theirs}) than the cart (${ours}): ${why}`
    return [{ ...of, sentence, next }]
  })
}
