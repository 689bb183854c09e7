// Takes a key's steps one after the other until it is done, each in a transaction of its own.

import { refusalOf } from '@inorder/storage/sqlstate.ts'
import type { Pool } from 'pg'
import type { Refused } from '../outbox/ops.ts'
import { type BatchContext, type Saved, withSchemas } from './apply.ts'
import type { Redriven } from './ops.ts'
import { unreadStarts } from './parked-turns.ts'
import { type Action, advance, type Progress } from './redrive.ts'
import { stepBytes, stepSize } from './redrive-sizes.ts'
import { type AtHand, beginning, type Size } from './redrive-steps.ts'

const together: Size = { records: stepSize.together, bytes: stepBytes, oneByOne: false }
const oneByOne: Size = { records: stepSize.oneByOne, bytes: stepBytes, oneByOne: true }
/** So many steps one by one go over what one step together had refused; together again it would be refused again. */
const stepsOneByOne = Math.ceil(together.records / oneByOne.records)

/**
 * Does the action, or goes on with what the key is due for. `onSaved` is told after each commit. When it throws, what
 * was committed stays, and the key is due.
 */
export async function takeSteps<State, Event>(
  pool: Pool,
  key: string,
  action: Action | undefined,
  context: BatchContext<State, Event>,
  onSaved: (saved: Saved<State, Event>) => void,
  atHand: AtHand = new Map(),
): Promise<Redriven | Refused | undefined> {
  let progress: Progress = { cursor: beginning, audit: undefined }
  for (let left = 0; ; ) {
    if (progress.cursor.phase === 'reading') await learnUnread(pool, key, progress.cursor.readTo, context)
    const one = (size: Size) =>
      withSchemas(pool, context, (tx) => advance(tx, key, action, progress, context, size, atHand))
    const taken = left > 0 ? { outcome: await one(oneByOne), refused: false } : await untilRefused(one)
    left = taken.refused ? stepsOneByOne - 1 : Math.max(0, left - 1)
    const { outcome } = taken
    if (outcome?.saved) onSaved(outcome.saved)
    if (!outcome) return undefined
    if ('refused' in outcome) return outcome
    if ('answer' in outcome) return outcome.answer
    progress = outcome.progress
  }
}

/** A step together; fewer, one by one, if the database refuses something in it or it takes too long (rule 17). */
export async function untilRefused<T>(one: (size: Size) => Promise<T>): Promise<{ outcome: T; refused: boolean }> {
  try {
    return { outcome: await one(together), refused: false }
  } catch (error) {
    if (refusalOf(error) === 'outage') throw error
    return { outcome: await one(oneByOne), refused: true }
  }
}

/** Asks anew for the schemas of what could not be read. */
export async function learnUnread<State, Event>(
  pool: Pool,
  key: string,
  readTo: bigint,
  { decoder }: BatchContext<State, Event>,
): Promise<void> {
  await decoder.learnOf(await unreadStarts(pool, key, readTo, together))
}
