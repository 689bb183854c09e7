// A pause: what an operator has stopped for a while (rule 25).
import { type Static, Type } from 'typebox'
import { text, textOrNull, time } from '../outbox/ops.ts'

export type Pause = Static<typeof Pause>
export const Pause = Type.Object(
  {
    what: text('inbox, effects or key'),
    kind: textOrNull('Of effects; null: of all kinds'),
    key: textOrNull('Of a key'),
    since: time,
    until: textOrNull('When it passes by itself; null: never'),
    reason: textOrNull(),
    operator: Type.String(),
  },
  { title: 'Pause' },
)

export type Paused = 'inbox' | 'effects' | 'key'

/** `name`: the key, or the kind of the effects, which is empty for all; empty for the inbox. */
export interface PauseTarget {
  readonly what: Paused
  readonly name: string
}

/** A row of the table. */
export interface PauseRow extends PauseTarget {
  since: Date
  until: Date | null
  reason: string | null
  operator: string
}

/** What a pause is called that names this target, or of which this is the row. */
export const named = ({ what, name }: PauseTarget) => ({
  what,
  kind: what === 'effects' && name !== '' ? name : null,
  key: what === 'key' ? name : null,
})

export const shownPause = ({ since, until, reason, operator, ...target }: PauseRow): Pause => ({
  ...named(target),
  since: since.toISOString(),
  until: until?.toISOString() ?? null,
  reason,
  operator,
})

/** For people: who has paused it, since when and until when, why, and what to do. */
export function pauseText({ what, kind, key, since, until, reason, operator }: Pause): string {
  const paused =
    what === 'inbox' ? 'The inbox' : what === 'key' ? `The key ${key}` : `Effects${kind ? ` (${kind})` : ''}`
  const why = reason === null ? '' : ` (${reason})`
  const end = until === null ? 'an operator has to resume it: POST /ops/resume' : `until ${until}, or POST /ops/resume`
  return `${paused} is paused by ${operator} since ${since}${why}: ${end}.`
}
