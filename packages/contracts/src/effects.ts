// What a service tells its operator of its slow effects: made by packages/messaging, spoken over HTTP by packages/http.
import { type Static, Type } from 'typebox'
import type { List } from './ops.ts'

const time = Type.String({ format: 'date-time' })
const orNull = (description?: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], ...(description && { description }) })

export type ShownEffect = Static<typeof ShownEffect>
export const ShownEffect = Type.Object({
  effect: Type.String({ description: 'eventId:n, its idempotency key' }),
  kind: Type.String(),
  version: Type.Integer({ description: 'Of the event that asked for it' }),
  state: Type.String({ description: 'parked, behind (another), due, running, or again (after a failure)' }),
  attempts: Type.Integer(),
  cause: orNull('Of the last failure'),
  detail: orNull(),
  createdAt: time,
  parkedAt: orNull(),
})

export type ParkedEffect = Static<typeof ParkedEffect>
export const ParkedEffect = Type.Object({
  orderId: Type.String(),
  ...ShownEffect.properties,
  behind: Type.Integer({ description: 'Effects of the order that wait for it' }),
})

export interface EffectOps {
  /** What is to be done yet of an order, in its order. */
  effectsOf(orderId: string): Promise<ShownEffect[]>
  /** By order id. */
  parked(query: { limit: number; after?: string }): Promise<List<ParkedEffect>>
  /** Tries the order's parked effect again, and then those behind it. False: none is parked. */
  redrive(orderId: string, operator: string): Promise<boolean>
  /** Gives up the order's parked effect; those behind it go on. False: this one is not parked, nor was it discarded. */
  discard(orderId: string, discard: { effect: string; reason: string; operator: string }): Promise<boolean>
}
