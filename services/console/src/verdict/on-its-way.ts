// Where an order is on its way, and what keeps it there.
import { called, type ServiceName, serviceNames } from '@inorder/contracts/service-names.ts'
import type { Facts } from '../facts.ts'
import { consumers, type Finding, isBehind, newest, pending, reachable } from './finding.ts'
import * as steps from './next-steps.ts'
import { and, shortened, utc } from './wording.ts'

/** An event that Kafka has not acknowledged for longer waits; before that it is on its way. */
const pendingMs = 5_000

export function outboxPending(facts: Facts): Finding[] {
  const [row] = facts.outbox.filter(({ service }) => service === 'cart')
  if (!row) return []
  const kafka = withoutKafka(facts)
  if (!kafka && facts.now.getTime() - Date.parse(row.since) < pendingMs) return []
  const version = `Version ${row.version ?? '?'}`
  return [
    {
      ...{ state: 'waiting', cause: 'outbox-pending', service: 'cart', since: row.since, isDated: kafka !== undefined },
      sentence: () =>
        kafka
          ? `${kafka}. ${version} has been waiting in the cart since ${utc(row.since)}`
          : `${version} is stored in the cart, and Kafka has not taken its event yet`,
      next: () => steps.findOutWhy(),
    },
  ]
}

const denial = /^kafka \((.*)\)$/s

/** What becomes of an order while a service does not reach Kafka; undefined: all do. */
function withoutKafka(facts: Facts): string | undefined {
  const missing = reachable(facts).flatMap(([, told]) => told.missing.filter((part) => part.startsWith('kafka')))
  if (missing.length === 0) return undefined
  const why = missing.flatMap((part) => denial.exec(part)?.[1] ?? [])[0]
  const [what, until] =
    why === undefined
      ? ['Kafka does not answer', 'when Kafka is back']
      : [`Kafka does not let the services in (${shortened(why)})`, 'once somebody has mended that']
  return `${what}: the order is stored and nothing is lost, and it goes on by itself ${until}`
}

export function partitionStalled(facts: Facts): Finding[] {
  return consumers(facts).flatMap(([service, told]): Finding[] => {
    const missing = told.missing.find((part) => part.startsWith('records')) ?? told.missing[0]
    if (missing === undefined || !isBehind(told, facts)) return []
    const isLost = missing.startsWith('records')
    const kafka = missing.startsWith('kafka') ? withoutKafka(facts) : undefined
    const why = isLost
      ? 'it goes on only when the records are brought back or somebody accepts their loss (POST /ops/positions/{partition}/accept-loss)'
      : 'its batch is tried again and again, and the alarm inbox-stalled in the log names the cause'
    return [
      {
        ...{ state: isLost ? 'held' : 'waiting', cause: 'partition-stalled', service, since: null },
        sentence: (where) =>
          kafka
            ? `${kafka}. Version ${newest(facts)} has not come to ${where} yet`
            : `The order's partition stands still in ${where} (${missing}): ${why}`,
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
  if (behind[0])
    found.push(of(behind[0], () => `Version ${version} is on its way to ${and(behind.map(called))}${queue}`))
  for (const [service, told] of consumers(facts)) {
    const [effect] = pending(told)
    if (effect)
      found.push(of(service, () => `The ${effect.kind} of version ${effect.version} is being done by ${service}`))
  }
  if (services.inventory.appliedVersion && services.inventory.status === null)
    found.push(of('inventory', () => 'Inventory is about to reserve its stock'))
  return found
}
