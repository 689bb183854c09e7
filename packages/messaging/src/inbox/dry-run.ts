// What a redrive would do: its steps in one transaction, of which nothing is left. It looks at the first records alone.

import type { Tx } from '@inorder/storage/transaction.ts'
import type { Refused } from '../outbox/ops.ts'
import type { BatchContext } from './apply.ts'
import type { Foreseen, Redriven } from './ops.ts'
import { answerOf, standing } from './parked-listing.ts'
import { ownParked } from './parked-turns.ts'
import { type AtHand, beginning, type RedriveCursor, type Size, type Step, takeStep } from './redrive-steps.ts'
import { lockKey } from './store.ts'

const mostTried = 1_000

export async function dryRun<State, Event>(
  tx: Tx,
  key: string,
  context: BatchContext<State, Event>,
  size: Size,
  atHand: AtHand,
): Promise<Redriven | Refused> {
  const { keyState, isLocked } = await lockKey<State, Event>(tx, key)
  const now = await standing(tx, key, keyState.version, isLocked)
  if (now.parked === 0) return { refused: 'nothing-parked', detail: `Nothing is parked of ${key}.` }
  if (!isLocked) return { ...answerOf(key, 0, now), events: [] }

  const events = (await ownParked(tx, key, mostTried)).filter(({ becomes }) => becomes !== 'conflict')
  const fates = new Map<string, Foreseen>()
  let applied = 0
  let cursor: RedriveCursor | undefined = beginning
  for (let tried = 0; cursor && tried < mostTried; tried += size.records) {
    const locked = await lockKey<State, Event>(tx, key)
    const step: Step<State, Event> = await takeStep(tx, locked.keyState, context, cursor, size, atHand)
    for (const [event, fate] of step.fates) fates.set(event, fate)
    applied += step.saved.applied.length
    cursor = step.next
  }
  const left = new Map((await ownParked(tx, key, 2 * mostTried)).map((one) => [one.event, one]))
  const foreseen = events.map((before) => {
    const gone = fates.get(before.event)
    return gone ? { ...gone, version: gone.version ?? before.version } : (left.get(before.event) ?? before)
  })
  return {
    ...answerOf(key, applied, await standing(tx, key, keyState.version, isLocked)),
    events: foreseen.sort((a, b) => turnOf(a) - turnOf(b) || (a.version ?? 0) - (b.version ?? 0)),
  }
}

/** What goes on comes first, then the head, which need not have a version, then what it holds up. */
function turnOf({ becomes }: { becomes: string }): number {
  if (becomes === 'applied' || becomes === 'duplicate') return 0
  return becomes === 'head' ? 1 : 2
}
