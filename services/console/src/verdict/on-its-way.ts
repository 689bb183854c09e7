// Where an order is on its way, and what keeps it there.
import { type ServiceName, serviceNames } from '@inorder/contracts/service-names.ts'
import type { Facts } from '../facts.ts'
import { consumers, type Finding, isBehind, newest, pending, reachable } from './finding.ts'
import * as steps from './next-steps.ts'
import { and, called } from './wording.ts'

/** An event that Kafka has not acknowledged for longer waits; before that it is on its way. */
const pendingMs = 5_000

export function outboxPending({ outbox, now }: Facts): Finding[] {
  const [row] = outbox.filter(({ service }) => service === 'cart')
  if (!row || now.getTime() - Date.parse(row.since) < pendingMs) return []
  return [
    {
      ...{ state: 'waiting', cause: 'outbox-pending', service: 'cart', since: row.since },
      sentence: () => `Version ${row.version ?? '?'} is stored in the cart, and Kafka has not taken its event yet`,
      next: () => steps.findOutWhy(),
    },
  ]
}

export function partitionStalled(facts: Facts): Finding[] {
  return consumers(facts).flatMap(([service, told]): Finding[] => {
    const [missing] = told.missing
    if (missing === undefined || !isBehind(told, facts)) return []
    const isLost = missing.startsWith('records')
    const why = isLost
      ? 'goes on only when the records are brought back or somebody accepts their loss (POST /ops/positions/{partition}/accept-loss)'
      : missing.startsWith('partition')
        ? 'tries its batch again and again; the alarm inbox-stalled in its log names the cause'
        : 'does not reach Kafka'
    return [
      {
        ...{ state: isLost ? 'held' : 'waiting', cause: 'partition-stalled', service, since: null },
        sentence: (where) => `The order's partition stands still in ${where} (${missing}), which ${why}`,
        next: () => steps.findOutWhy(),
      },
    ]
  })
}

export function unreachable(facts: Facts): Finding[] {
  const silent = serviceNames.filter((name) => facts.services[name].fault !== null)
  return silent.map((service) => ({
    ...{ state: 'unknown', cause: 'service-unreachable', service, since: null },
    sentence: (where) => `What it is in ${where} is not known: ${called(service)} ${facts.services[service].fault}`,
    next: () => steps.lookAtServices(),
  }))
}

export function inFlight(facts: Facts): Finding[] {
  const { orderId, services, outbox, versions } = facts
  const version = newest(facts)
  const since = versions.find((one) => one.version === version)?.occurredAt ?? outbox[0]?.since ?? null
  const next = () => steps.watch(orderId, 'Reports each step that it takes from here')
  const of = (service: ServiceName, sentence: Finding['sentence']): Finding => ({
    state: 'moving',
    cause: 'in-flight',
    service,
    since,
    sentence,
    next,
  })
  const found: Finding[] = []
  if (outbox.some(({ service }) => service === 'cart'))
    found.push(of('cart', () => `Version ${version} is stored in the cart, and its event is on its way to Kafka`))
  const behind = reachable(facts).flatMap(([service, told]) => (isBehind(told, facts) ? [service] : []))
  const lag = Math.max(0, ...behind.map((name) => services[name].lag ?? 0))
  const queue = lag > 1 ? ` (${lag.toLocaleString('en')} events of its partition are to be applied)` : ''
  if (behind[0]) found.push(of(behind[0], () => `Version ${version} is on its way to ${and(behind.map(called))}${queue}`))
  for (const [service, told] of consumers(facts)) {
    const [effect] = pending(told)
    if (effect)
      found.push(of(service, () => `The ${effect.kind} of version ${effect.version} is being done by ${service}`))
  }
  if (services.inventory.appliedVersion && services.inventory.status === null)
    found.push(of('inventory', () => 'Inventory is about to reserve its stock'))
  return found
}
