// What a service tells its operator of outbox rows that Kafka refuses for good, and lets them do.
import { type Static, Type } from 'typebox'
import type { AuditEntry, List, Refused } from './ops.ts'

const text = (description: string) => Type.String({ description })

export type SetAside = Static<typeof SetAside>
export const SetAside = Type.Object({
  key: text("The record's key, the orderId; @ and the event id where the key is no text"),
  event: text('The event id'),
  topic: Type.String(),
  version: Type.Unsafe<number | null>({ type: ['integer', 'null'], description: 'Of the order; null: not known' }),
  cause: Type.String(),
  detail: text('What Kafka answered'),
  since: Type.String({ format: 'date-time' }),
  behind: Type.Integer({ description: 'Later events of the key, which wait for it' }),
})

export type SetAsideOfKey = Static<typeof SetAsideOfKey>
export const SetAsideOfKey = Type.Object({ key: Type.String(), events: Type.Array(SetAside) })

export type SetAsideRedriven = Static<typeof SetAsideRedriven>
export const SetAsideRedriven = Type.Object({
  items: Type.Array(
    Type.Object({
      key: Type.String(),
      event: Type.String(),
      behind: Type.Integer(),
      error: Type.Optional(text('Why nothing was done with it; try again')),
    }),
  ),
  next: Type.Null(),
  totals: Type.Object({
    events: Type.Integer(),
    redriven: Type.Integer({ description: 'To be published again; in a dry run: would be' }),
    failed: Type.Integer({ description: 'Those with an error' }),
  }),
})

export type SetAsideDiscarded = Static<typeof SetAsideDiscarded>
export const SetAsideDiscarded = Type.Object({
  key: Type.String(),
  event: Type.String(),
  version: SetAside.properties.version,
  behind: Type.Integer({ description: 'Later events of the key, which are published now' }),
  consequence: text('What is missing now, and what to do about it'),
})

export interface SetAsideOps {
  /** The oldest first; `after` is the `next` of the page before. */
  setAside(query: { cause?: string; limit: number; after?: string }): Promise<List<SetAside>>
  /** Undefined: nothing of this key is set aside. */
  setAsideOf(key: string): Promise<SetAsideOfKey | undefined>
  /** Undefined: nothing of this key is set aside. */
  redriveSetAside(key: string, redrive: { operator: string; dryRun: boolean }): Promise<SetAsideRedriven | undefined>
  redriveAllSetAside(cause: string, redrive: { operator: string; dryRun: boolean }): Promise<SetAsideRedriven>
  discardSetAside(
    key: string,
    discard: { event: string; reason: string; operator: string },
  ): Promise<SetAsideDiscarded | Refused>
  /** What was done to such rows, the newest first. */
  setAsideAudit(query: { limit: number; after?: number }): Promise<List<AuditEntry>>
}
