// Facts about an order of version 2, with which nothing is wrong, and what can be changed in them.
import type { ServiceName } from '@inorder/contracts/service-names.ts'
import type { OrderVersion, OutboxRow } from '@inorder/contracts/timeline.ts'
import type { EffectOfKey } from '@inorder/messaging/effects/ops.ts'
import type { ParkedEvent } from '@inorder/messaging/inbox/ops.ts'
import type { Pause } from '@inorder/messaging/inbox/pause.ts'
import type { Facts, ServiceFacts } from './facts.ts'

export const time = '2026-11-23T14:20:19.000Z'
const later = '2026-11-23T14:21:00.000Z'

const part = (status: string): ServiceFacts => ({
  fault: null,
  appliedVersion: 2,
  appliedAt: time,
  eventId: null,
  skipped: [],
  status,
  parked: [],
  effects: [],
  pauses: [],
  missing: [],
  lag: 0,
})

type Changed = Partial<Omit<Facts, 'services'>> & { [Name in ServiceName]?: Partial<ServiceFacts> }

export function factsOf({ cart, order, inventory, billing, shipping, ...changed }: Changed = {}): Facts {
  return {
    orderId: 'o-1',
    now: new Date(later),
    services: {
      cart: { ...part('confirmed'), ...cart },
      order: { ...part('confirmed'), ...order },
      inventory: { ...part('reserved'), ...inventory },
      billing: { ...part('charged'), ...billing },
      shipping: { ...part('quoted'), ...shipping },
    },
    versions: [],
    outbox: [],
    hold: null,
    lacking: [],
    invoiceSince: time,
    shipmentReason: null,
    hasLabel: null,
    unreadBytes: null,
    ...changed,
  }
}

/** What the order service tells of a version that it has applied. */
export const history = (changed: Partial<OrderVersion> = {}): OrderVersion => ({
  ...{ version: 2, status: 'confirmed', previousStatus: 'new', occurredAt: time, appliedAt: time },
  ...{ eventId: 'e-2', traceId: null, actor: null },
  ...changed,
})

export const parked = (changed: Partial<ParkedEvent> = {}): ParkedEvent => ({
  event: 'topic/3/17',
  state: 'head',
  cause: 'undecodable',
  detail: 'no Avro',
  version: null,
  parkedAt: time,
  attempts: 1,
  ...changed,
})

export const effect = (changed: Partial<EffectOfKey> = {}): EffectOfKey => ({
  effect: '7b0c8f0e-5a1e-4c55-9d5f-0f3a5a1c2b11:0',
  kind: 'charge',
  version: 2,
  state: 'parked',
  attempts: 9,
  cause: 'status-404',
  detail: null,
  createdAt: time,
  failingSince: time,
  parkedAt: time,
  doneAt: null,
  ...changed,
})

export const row = (changed: Partial<OutboxRow> = {}): OutboxRow => ({
  service: 'cart',
  event: '7b0c8f0e-5a1e-4c55-9d5f-0f3a5a1c2b11',
  topic: 'order-events',
  version: 3,
  since: time,
  setAside: false,
  cause: null,
  ...changed,
})

export const pause = (changed: Partial<Pause> = {}): Pause => ({
  what: 'inbox',
  kind: null,
  key: null,
  since: time,
  until: null,
  reason: null,
  operator: 'ann',
  ...changed,
})
