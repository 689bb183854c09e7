// What the services tell of one order, asked of all at once.
import { queryOf } from '@inorder/contracts/paths.ts'
import { type ServiceName, withEffects } from '@inorder/contracts/service-names.ts'
import type { OrderVersion, OutboxRow, VersionRange } from '@inorder/contracts/timeline.ts'
import type { EffectOfKey } from '@inorder/messaging/effects/ops.ts'
import type { ParkedDetail, ParkedEvent, PartitionPosition, StateOfKey } from '@inorder/messaging/inbox/ops.ts'
import type { Pause } from '@inorder/messaging/inbox/pause.ts'
import { partitionOf } from '@inorder/messaging/kafka/partitioner.ts'
import type { Answer } from './services.ts'
import type { Viewer } from './viewer.ts'

export interface ServiceFacts {
  /** Why the service counts as unreachable: `does not answer`; null: it told what it was asked for. */
  fault: string | null
  /** Null: nothing of the order has come. */
  appliedVersion: number | null
  appliedAt: string | null
  /** Of the event that made `appliedVersion`; in the cart, that it wrote for it. Null: not known, or skipped by hand. */
  eventId: string | null
  /** Versions that an operator skipped: no event of them was applied. */
  skipped: VersionRange[]
  status: string | null
  parked: ParkedEvent[]
  /** Done, or to be done yet. */
  effects: EffectOfKey[]
  /** Those that keep this order from going on. */
  pauses: Pause[]
  /** What its readiness says of Kafka, and of the order's partition. */
  missing: string[]
  /** Events of the order's partition that have not been applied. */
  lag: number | null
}

/** As the cart has it: nothing is written to the order until somebody decides. */
export interface Hold {
  cause: string
  detail: string
  since: string
}

export interface Lacking {
  itemId: string
  quantity: number
  available: number
  /** What was counted last, in all; null: its stock was never set. */
  onHand: number | null
  /** Where it is set. */
  url: string
}

export interface Facts {
  orderId: string
  /** When it was told. */
  now: Date
  services: Record<ServiceName, ServiceFacts>
  versions: OrderVersion[]
  outbox: OutboxRow[]
  hold: Hold | null
  /** What a backordered order waits for; of its first 10 items. */
  lacking: Lacking[]
  /** Since when the invoice is what it is. */
  invoiceSince: string | null
  /** Why the shipment was cancelled, unless the customer did it. */
  shipmentReason: string | null
  /** The carrier has given a label; null: not known. */
  hasLabel: boolean | null
  /** The first bytes of what cannot be read, in hex and as text; null: nothing is, or the caller may not see them. */
  unreadBytes: string | null
}

type Ask = Viewer['ask']

const mostVersions = 1_000
const mostLacking = 10

export async function factsOf(viewer: Pick<Viewer, 'ask'>, orderId: string): Promise<Facts> {
  const ask: Ask = (...asked) => viewer.ask(...asked)
  const id = encodeURIComponent(orderId)
  const inInventory = consumerFacts(ask, 'inventory', orderId, `/reservations/${id}`)
  const all = Promise.all([
    consumerFacts(ask, 'order', orderId, `/order-details?orderId=${id}`),
    inInventory,
    consumerFacts(ask, 'billing', orderId, `/invoices/${id}`),
    consumerFacts(ask, 'shipping', orderId, `/shipments/${id}`),
    versionsOf(ask, id),
  ])
  const [cart, [order, inventory, billing, shipping, versions], lacking, unreadBytes] = await Promise.all([
    cartFacts(ask, orderId, all),
    all,
    inInventory.then(({ part: { status, lines = [] } }) => (status === 'backordered' ? lackingOf(ask, lines) : [])),
    all.then(([order, inventory, billing, shipping]) => unreadBytesOf(ask, id, { order, inventory, billing, shipping })),
  ])
  return {
    orderId,
    now: new Date(),
    services: {
      cart: cart.facts,
      order: { ...order.facts, skipped: withGaps(order.facts.skipped, versions) },
      inventory: inventory.facts,
      billing: billing.facts,
      shipping: shipping.facts,
    },
    versions,
    outbox: [cart, order, inventory, billing, shipping].flatMap(({ outbox }) => outbox),
    hold: cart.hold,
    lacking,
    invoiceSince: billing.part.statusSince ?? null,
    shipmentReason: shipping.part.reason ?? null,
    hasLabel: shipping.part.label === undefined ? null : shipping.part.label !== null,
    unreadBytes,
  }
}

const unknown: ServiceFacts = {
  fault: null,
  appliedVersion: null,
  appliedAt: null,
  eventId: null,
  skipped: [],
  status: null,
  parked: [],
  effects: [],
  pauses: [],
  missing: [],
  lag: null,
}

/** What an answer says; undefined: the service does not know what was asked for. Throws Silent where it did not tell. */
function told<Body>(answer: Answer): Body | undefined {
  if (!answer.reachable) throw new Silent(`does not answer (${answer.why})`)
  if (answer.status === 200) return answer.body as Body
  if (answer.status === 404) return undefined
  const { title = 'this is no answer of a service' } = Object(answer.body) as { title?: string }
  throw new Silent(`answers ${answer.status}: ${title}`)
}

class Silent extends Error {}

const withFault = (error: unknown): ServiceFacts => {
  if (error instanceof Silent) return { ...unknown, fault: error.message }
  throw error
}

interface Order {
  status: string
}
interface Held extends Hold {
  key: string
}

type StateInCart = Partial<Pick<ServiceFacts, 'appliedVersion' | 'eventId' | 'status'>>

/** What it has is asked for again, and anew, once the others have answered: what they have then and it has not is not its own. */
async function cartFacts(ask: Ask, orderId: string, others: Promise<unknown>) {
  const id = encodeURIComponent(orderId)
  const [answer, held, waiting, ready, state] = await Promise.all([
    ask('cart', `/orders/${id}`),
    ask('cart', '/ops/held?limit=1000'),
    ask('cart', `/ops/outbox/${id}`),
    ask('cart', '/health/ready'),
    others.then(() => ask('cart', `/ops/keys/${id}`, { anew: true })),
  ])
  try {
    const outbox = outboxOf('cart', waiting)
    const missing = missingIn(ready).filter((part) => ofKafka.test(part))
    const holds = told<{ items: Held[] }>(held)?.items ?? []
    const hold = holds.find(({ key }) => key === orderId) ?? null
    // Nothing of it can be read: the cart answers 503 `order-held`.
    if (hold && answer.reachable && answer.status === 503)
      return { facts: { ...unknown, missing, appliedVersion: 0 }, hold, outbox }
    const order = told<Order>(answer)
    const first = order ? { ...unknown, missing, appliedVersion: versionOf(answer), status: order.status } : { ...unknown, missing }
    // A cart of a release before does not know the call.
    const { appliedVersion, eventId, status } = told<StateInCart>(state) ?? {}
    const isNewer = (appliedVersion ?? 0) >= (first.appliedVersion ?? 0)
    const facts = isNewer && appliedVersion && status ? { ...first, appliedVersion, eventId: eventId ?? null, status } : first
    return { facts, hold, outbox }
  } catch (error) {
    return { facts: withFault(error), hold: null, outbox: [] }
  }
}

/** What a service has made of the order: only what some of them tell is there of each. */
interface Part {
  status?: string
  statusSince?: string
  reason?: string | null
  label?: string | null
  lines?: { itemId: string; quantity: number }[]
}

const nothing: Part = {}

async function consumerFacts(ask: Ask, service: ServiceName, orderId: string, partPath: string) {
  const id = encodeURIComponent(orderId)
  const [state, part, pauses, positions, ready, waiting] = await Promise.all([
    ask(service, `/ops/keys/${id}`),
    ask(service, partPath),
    ask(service, '/ops/pauses?limit=1000'),
    ask(service, '/ops/positions?limit=1000'),
    ask(service, '/health/ready'),
    ask(service, `/ops/outbox/${id}`),
  ])
  try {
    const of = told<StateOfKey & { effects: EffectOfKey[] }>(state)
    const made = told<Part>(part) ?? nothing
    const partitions = told<{ items: PartitionPosition[] }>(positions)?.items ?? []
    const partition = partitionOf(Buffer.from(orderId), Math.max(partitions.length, 1))
    const facts: ServiceFacts = {
      fault: null,
      appliedVersion: of?.appliedVersion ?? null,
      appliedAt: of?.appliedAt ?? null,
      eventId: of?.eventId ?? null,
      skipped: of ? skippedIn(of) : [],
      status: made.status ?? null,
      parked: of?.events ?? [],
      effects: of?.effects ?? [],
      pauses: (told<{ items: Pause[] }>(pauses)?.items ?? []).filter(
        ({ what, key }) => what === 'inbox' || (what === 'effects' && withEffects.includes(service)) || key === orderId,
      ),
      missing: missingIn(ready).filter((part) => ofKafka.test(part) || new RegExp(`/${partition}( |$)`).test(part)),
      lag: partitions.find((one) => one.partition === partition)?.lag ?? null,
    }
    return { facts, part: made, outbox: outboxOf(service, waiting) }
  } catch (error) {
    return { facts: withFault(error), part: nothing, outbox: [] }
  }
}

/** The version that it is at is none of an event where its head was given up with its version. */
function skippedIn({ appliedVersion, eventId, skipped = [] }: StateOfKey): VersionRange[] {
  const isSkipped = appliedVersion > 0 && eventId === null && !skipped.some(({ to }) => to === appliedVersion)
  return isSkipped ? [...skipped, { from: appliedVersion, to: appliedVersion }] : skipped
}

/** Also those that the history of the order service lacks between two that it has. */
function withGaps(skipped: VersionRange[], versions: readonly OrderVersion[]): VersionRange[] {
  const gaps = versions.flatMap(({ version }, n): VersionRange[] => {
    const from = (versions[n - 1]?.version ?? version) + 1
    const isTold = skipped.some((range) => range.from < version && range.to >= from)
    return from < version && !isTold ? [{ from, to: version - 1 }] : []
  })
  return [...skipped, ...gaps]
}

/** `kafka`, or `kafka (why it does not let us in)`. */
const ofKafka = /^kafka\b/

const missingIn = (answer: Answer): string[] =>
  answer.reachable ? ((Object(answer.body) as { missing?: string[] }).missing ?? []) : []

/** The newest, the oldest of them first. */
async function versionsOf(ask: Ask, id: string): Promise<OrderVersion[]> {
  const page = async (after?: number) => {
    const answer = await ask('order', `/orders/${id}/versions${queryOf({ limit: mostVersions, after })}`)
    return answer.reachable && answer.status === 200
      ? (answer.body as { items: OrderVersion[]; next: string | null })
      : undefined
  }
  const first = await page()
  if (!first?.next) return first?.items ?? []
  const details = await ask('order', `/order-details?orderId=${id}`)
  return (await page(versionOf(details) - mostVersions))?.items ?? first.items
}

const outboxOf = (service: ServiceName, answer: Answer): OutboxRow[] =>
  (told<{ events: Omit<OutboxRow, 'service'>[] }>(answer)?.events ?? []).map((event) => ({ service, ...event }))

/** Of an ETag such as "3". */
const versionOf = (answer: Answer): number => Number((answer.reachable && answer.etag?.slice(1, -1)) || 0)

async function lackingOf(ask: Ask, lines: readonly { itemId: string; quantity: number }[]): Promise<Lacking[]> {
  const all = await Promise.all(
    lines.slice(0, mostLacking).map(async ({ itemId, quantity }) => {
      const path = `/stock/${encodeURIComponent(itemId)}`
      const answer = await ask('inventory', path)
      if (!answer.reachable || (answer.status !== 200 && answer.status !== 404)) return []
      // An item whose stock was never set is not there.
      const { available = 0, onHand = null } = Object(answer.status === 200 && answer.body) as Partial<Lacking>
      return [{ itemId, quantity, available, onHand, url: `${answer.address ?? ''}${path}` }]
    }),
  )
  return all.flat().filter(({ quantity, available }) => available < quantity)
}

/** Of these only some schema could be missing. */
const unread = ['undecodable', 'unknown-schema']
const mostBytes = 16

async function unreadBytesOf(ask: Ask, id: string, of: Partial<Record<ServiceName, { facts: ServiceFacts }>>) {
  const holders = Object.entries(of).flatMap(([service, { facts: { parked } }]) =>
    parked.filter(({ state, cause }) => state === 'head' && unread.includes(cause)).map(({ event }) => ({ service, event })),
  )
  const [holder] = holders
  if (!holder) return null
  const answer = await ask(holder.service as ServiceName, `/ops/parked/${id}`)
  const { events = [] } = Object(answer.reachable && answer.body) as Partial<ParkedDetail>
  const bytes = events.find(({ event }) => event === holder.event)?.bytes
  if (!bytes) return null
  const first = Buffer.from(bytes, 'base64').subarray(0, mostBytes)
  const hex = first.toString('hex').replaceAll(/(..)(?=.)/g, '$1 ')
  return `${hex} ("${first.toString('latin1').replaceAll(/[^ -~]/g, '.')}")`
}
