// What a service tells its operator of its slow effects.
import { type Static, Type } from 'typebox'
import { allOf, text, textOrNull, time } from '../outbox/ops.ts'

export type ShownEffect = Static<typeof ShownEffect>
export const ShownEffect = Type.Object(
  {
    effect: text('eventId:n, its idempotency key'),
    kind: Type.String(),
    version: Type.Integer({ description: 'Of the event that asked for it' }),
    state: text('parked, behind (another), due, running, again (after a failure), or paused (its kind is)'),
    attempts: Type.Integer(),
    cause: textOrNull('Of the last failure'),
    detail: textOrNull(),
    createdAt: time,
    failingSince: textOrNull('The first failure in a row with this cause'),
    parkedAt: textOrNull(),
  },
  { title: 'ShownEffect' },
)

/** Of a key: done, or to be done yet. */
export type EffectOfKey = Static<typeof EffectOfKey>
export const EffectOfKey = Type.Object(
  {
    ...ShownEffect.properties,
    state: text('As in /ops/effects, or done'),
    doneAt: textOrNull('When its result was stored; null: it is to be done yet'),
  },
  { title: 'EffectOfKey' },
)

/** Parked, or failing and tried again. */
export type HeldEffect = Static<typeof HeldEffect>
export const HeldEffect = Type.Object(
  {
    key: Type.String(),
    ...ShownEffect.properties,
    behind: Type.Integer({ description: 'Effects of the key that wait for it' }),
  },
  { title: 'HeldEffect' },
)

/** What became of all effects that one cause holds up. */
export type ReleasedAll = Static<typeof ReleasedAll>
export const ReleasedAll = allOf(
  'ReleasedAll',
  {
    key: Type.String(),
    effect: Type.String(),
    kind: Type.String(),
    state: text('Before: parked, running or again'),
    detail: textOrNull('Of the last failure'),
  },
  {
    keys: Type.Integer(),
    released: Type.Integer({ description: 'Redriven or discarded; in a dry run: would be' }),
  },
)
