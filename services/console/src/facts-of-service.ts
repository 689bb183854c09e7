// What one service tells of an order.
import { setTimeout as pause } from 'node:timers/promises'
import { type ServiceName, withEffects } from '@inorder/contracts/service-names.ts'
import type { OutboxRow, VersionRange } from '@inorder/contracts/timeline.ts'
import type { EffectOfKey } from '@inorder/messaging/effects/ops.ts'
import type { PartitionPosition, StateOfKey } from '@inorder/messaging/inbox/ops.ts'
import type { Pause } from '@inorder/messaging/inbox/pause.ts'
import { partitionOf } from '@inorder/messaging/kafka/partitioner.ts'
import type { Ask, Hold, ServiceFacts } from './facts.ts'
import { type Answer, deadlineMs } from './services.ts'

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

/** For the others' answers; one that hangs is not waited for as long as the whole may take. */
const patienceMs = deadlineMs / 2

/** What it has is asked for again, and anew, once the others have answered: what they have then and it has not is not its own. */
export async function cartFacts(ask: Ask, orderId: string, others: Promise<unknown>) {
  const id = encodeURIComponent(orderId)
  const [answer, held, waiting, ready, state] = await Promise.all([
    ask('cart', `/orders/${id}`),
    ask('cart', '/ops/held?limit=1000'),
    ask('cart', `/ops/outbox/${id}`),
    ask('cart', '/health/ready'),
    Promise.race([others, pause(patienceMs, undefined, { ref: false })]).then(() =>
      ask('cart', `/ops/keys/${id}`, { anew: true }),
    ),
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
    const first = order
      ? { ...unknown, missing, appliedVersion: versionOf(answer), status: order.status }
      : { ...unknown, missing }
    // A cart of a release before does not know the call.
    const { appliedVersion, eventId, status } = Object(
      state.reachable && state.status === 200 && state.body,
    ) as StateInCart
    const isNewer = (appliedVersion ?? 0) >= (first.appliedVersion ?? 0)
    const facts =
      isNewer && appliedVersion && status ? { ...first, appliedVersion, eventId: eventId ?? null, status } : first
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

export async function consumerFacts(ask: Ask, service: ServiceName, orderId: string, partPath: string) {
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

/** `kafka`, or `kafka (why it does not let us in)`. */
const ofKafka = /^kafka\b/

const missingIn = (answer: Answer): string[] =>
  answer.reachable ? ((Object(answer.body) as { missing?: string[] }).missing ?? []) : []

const outboxOf = (service: ServiceName, answer: Answer): OutboxRow[] =>
  (told<{ events: Omit<OutboxRow, 'service'>[] }>(answer)?.events ?? []).map((event) => ({ service, ...event }))

/** Of an ETag such as "3". */
export const versionOf = (answer: Answer): number => Number((answer.reachable && answer.etag?.slice(1, -1)) || 0)
