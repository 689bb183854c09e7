// What a service tells its operator of its slow effects: made by packages/messaging, spoken over HTTP by packages/http.
import { type Static, Type } from 'typebox'
import type { List } from '../outbox/ops.ts'

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
  failingSince: orNull('The first failure in a row with this cause'),
  parkedAt: orNull(),
})

/** Parked, or failing and tried again. */
export type HeldEffect = Static<typeof HeldEffect>
export const HeldEffect = Type.Object({
  key: Type.String(),
  ...ShownEffect.properties,
  behind: Type.Integer({ description: 'Effects of the key that wait for it' }),
})

/** What became of all effects that one cause holds up. */
export type ReleasedAll = Static<typeof ReleasedAll>
export const ReleasedAll = Type.Object({
  items: Type.Array(
    Type.Object({
      key: Type.String(),
      effect: Type.String(),
      kind: Type.String(),
      state: Type.String({ description: 'Before: parked, running or again' }),
      detail: orNull('Of the last failure'),
      error: Type.Optional(Type.String({ description: 'Why nothing was done with it; try again' })),
    }),
  ),
  next: Type.Null(),
  totals: Type.Object({
    keys: Type.Integer(),
    released: Type.Integer({ description: 'Redriven or discarded; in a dry run: would be' }),
    failed: Type.Integer({ description: 'Keys with an error' }),
  }),
})

export interface EffectQuery {
  state: 'parked' | 'failing'
  cause?: string
  limit: number
  after?: string
}

export interface Release {
  operator: string
  dryRun: boolean
  /** Why it is given up; undefined: it is tried again. */
  reason?: string
}

export interface EffectOps {
  /** What is to be done yet of a key, in its order. */
  effectsOf(key: string): Promise<ShownEffect[]>
  /** By key; a key has at most one. */
  held(query: EffectQuery): Promise<List<HeldEffect>>
  /** Tries the key's parked or failing effect now, and then those behind it. False: it has none. */
  redrive(key: string, operator: string): Promise<boolean>
  /** Gives up this effect, parked or failing; those behind it go on. False: it is neither, nor was it discarded. */
  discard(key: string, discard: { effect: string; reason: string; operator: string }): Promise<boolean>
  /** Every key that a parked or failing effect holds up for this cause. */
  releaseAll(cause: string, release: Release): Promise<ReleasedAll>
}
