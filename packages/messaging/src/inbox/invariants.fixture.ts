// What must hold of an inbox after each step of a history, under the names of its invariants.
import assert from 'node:assert/strict'
import type { Stored } from './history.fixture.ts'
import type { Applied } from './inbox.ts'
import { isHeld, type ModelEvent, type ModelInbox } from './model.fixture.ts'

export function compare(
  told: readonly Applied<string[], ModelEvent>[],
  stored: Stored,
  model: ModelInbox,
  rewound: boolean,
): void {
  // I3 knows no model: what the service was told of each key ascends, and is what it has stored.
  for (const [key, { events }] of Object.entries(stored.keyStates)) {
    const applied = told.filter((one) => one.key === key).map(({ event }) => event)
    const versions = applied.map(({ version }) => version)
    const ascending = [...new Set(versions)].sort((a, b) => a - b)
    same('I3, each version once, ascending', versions, ascending)
    const ids = applied.map(({ id }) => id)
    same('I3, what was told is what is stored', ids, events)
  }
  same('I7, the position', stored.position ?? 0, model.position)
  same('I6, what is parked, and how', stored.parked, parkedOf(model))
  same('I5, versions and states', stored.keyStates, keysOf(model))
  // A second copy of what is read a second time is harmless.
  if (!rewound) same('rule 16, the copies', stored.copies.sort(), [...model.copies].sort())
}

const keysOf = ({ keyStates }: ModelInbox): Stored['keyStates'] =>
  Object.fromEntries(
    Object.entries(keyStates).map(([id, keyState]) => {
      const { version, eventId, state } = keyState
      return [id, { version, eventId, held: isHeld(keyState), events: state }]
    }),
  )

function parkedOf({ keyStates, nowhere }: ModelInbox): Stored['parked'] {
  const own = Object.entries(keyStates).flatMap(([id, { parked }]) => parked.map((one) => [`${id} `, one] as const))
  const none = Object.entries(nowhere).map(([name, one]) => [`${name} - `, one] as const)
  return Object.fromEntries(
    [...own, ...none].map(([prefix, { record, state, cause, event, tries }]) => [
      prefix + record.place,
      { state, cause, version: event?.version ?? null, tries: state === 'head' ? tries : null },
    ]),
  )
}

export function same(what: string, actual: unknown, expected: unknown): void {
  try {
    assert.deepEqual(actual, expected)
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`)
  }
}

export function passes(check: () => void): boolean {
  try {
    check()
    return true
  } catch {
    return false
  }
}
