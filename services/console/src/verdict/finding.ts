// What a rule of the verdict finds, and what the rules ask of the facts.
import { type ServiceName, serviceNames } from '@inorder/contracts/service-names.ts'
import type { Verdict, VerdictCause, VerdictState } from '@inorder/contracts/timeline.ts'
import type { ParkedEvent } from '@inorder/messaging/inbox/ops.ts'
import type { Facts, ServiceFacts } from '../facts.ts'

export interface Finding {
  state: VerdictState
  cause: VerdictCause
  service: ServiceName
  since: string | null
  /** The sentence says when it happened, or is about what has no time: `since` is not added to it. */
  isDated?: boolean
  /** The same in several services is one verdict. */
  event?: string
  /** Without its end; `where` names the services, as `called` does. */
  sentence(where: string, services: readonly ServiceName[]): string
  next(services: readonly ServiceName[]): Verdict['next']
}

export const reachable = ({ services }: Facts) =>
  serviceNames.map((name) => [name, services[name]] as const).filter(([, { fault }]) => fault === null)
export const consumers = (facts: Facts) => reachable(facts).filter(([name]) => name !== 'cart')

/** The highest version that any service knows. */
export const newest = ({ services }: Facts): number =>
  Math.max(0, ...Object.values(services).map((told) => told.appliedVersion ?? 0))

/** What is to be done outside yet. */
export const pending = ({ effects }: ServiceFacts) => effects.filter(({ state }) => state !== 'done')

/** What holds the order up in a service: its head, or the lowest version that waits for another. */
export const holderIn = ({ parked }: ServiceFacts): ParkedEvent | undefined =>
  parked.find(({ state }) => state === 'head') ??
  parked.filter(({ state }) => state === 'waiting').sort((a, b) => (a.version ?? 0) - (b.version ?? 0))[0]

/** It lacks a version, and holds nothing that would say why. */
export const isBehind = (told: ServiceFacts, facts: Facts): boolean =>
  told.fault === null && (told.appliedVersion ?? 0) < newest(facts) && !holderIn(told)
