// Rule 18: an operator lets a key go on, with or without the record that holds it up. Under the row that its batches
// lock too, with their decisions: whoever comes second finds what the first has left.

import type { Tx } from '@inorder/storage/transaction.ts'
import { addAudit, discardAnswer } from '../outbox/audit.ts'
import type { Refused } from '../outbox/ops.ts'
import { type BatchContext, nothingSaved, type Saved } from './apply.ts'
import { audited, updateAudit } from './audit.ts'
import { addDiscarded, lockPositionOf } from './discard.ts'
import type { KeyState } from './key-state.ts'
import type { Discard, Redriven, Standing } from './ops.ts'
import { answerOf, standing } from './parked-listing.ts'
import { findParked, type ParkedRecord, removeParked } from './parked-store.ts'
import { firstWaiting, headOf, isParked, unread } from './parked-turns.ts'
import { pauseText } from './pause.ts'
import { lockPauseOf } from './pauses.ts'
import type { Share } from './redrive-sizes.ts'
import { type AtHand, beginning, type RedriveCursor, type Size, takeStep } from './redrive-steps.ts'
import { lockKey, saveKeys, skipVersions } from './store.ts'

export interface Action {
  readonly key: string
  readonly operator: string
  readonly discard?: Discard
}

/** Where an action is: `audit` is its entry once it has begun. */
export interface Progress {
  readonly cursor: RedriveCursor
  readonly audit: number | undefined
}

type Advanced<State, Event> = { readonly saved?: Saved<State, Event> } & (
  | Refused
  | { readonly answer: Redriven }
  | { readonly progress: Progress }
)

const longestList = 1_000
/** Among what could not be read a version is looked for so far. */
const mostReadAnew: Share = { records: 500, bytes: 8 * 1024 * 1024 }

/**
 * One transaction of an action: it begins, or goes on with what the key is due for, which may be somebody else's. Without
 * an action it only goes on; then there is no answer, as nobody waits for one.
 */
export async function advance<State, Event>(
  tx: Tx,
  key: string,
  action: Action | undefined,
  { cursor, audit }: Progress,
  context: BatchContext<State, Event>,
  size: Size,
  atHand: AtHand,
): Promise<Advanced<State, Event> | undefined> {
  // 0. Nothing is applied of what is paused (rule 25): what is left of an action is taken up when that ends.
  const pause = await lockPauseOf(tx, key)
  if (pause && audit !== undefined) return { answer: (await audited(tx, audit))!.answer }
  if (pause) return action && { refused: 'paused', detail: pauseText(pause) }
  if (action?.discard && audit === undefined) await lockPositionOf(tx, action.discard.event)
  // 1. The key's row; in the next statements what is parked of it (rule 14).
  // Without a row nothing of the key itself is parked: only a record that belongs to no key may be kept under this name. What
  // arrives of the key meanwhile is not ours to touch.
  const { keyState, isLocked } = await lockKey<State, Event>(tx, key)

  // 2. What it is due for comes first. A redrive that finds it due for one takes that one's answer.
  if (keyState.due !== null) {
    const auditId = keyState.due
    const step = await takeStep(tx, keyState, context, cursor, size, atHand)
    if (step.next) await saveDue(tx, keyState, auditId)
    if (auditId > 0) {
      const after = await standing(tx, key, keyState.version, isLocked)
      await updateAudit(tx, auditId, answerOf(key, step.saved.applied.length, after), after)
    }
    const joins = action && !action.discard && (await audited(tx, auditId))?.action === 'redrive'
    const next = { cursor: step.next ?? beginning, audit: joins ? auditId : audit }
    return { progress: next, saved: step.saved }
  }
  if (!action) return undefined
  if (audit !== undefined) return { answer: (await audited(tx, audit))!.answer }

  // 3. It begins: what is discarded goes, if it may.
  const begun = await begin(tx, action, keyState, isLocked, context)
  if (!('before' in begun)) return begun
  const { before, skipped } = begun

  // 4. The first step, which mostly is the only one.
  const step = isLocked
    ? await takeStep(tx, keyState, context, cursor, size, atHand)
    : { saved: nothingSaved<State, Event>(), next: undefined }
  const after = await standing(tx, key, keyState.version, isLocked)
  const answer = { ...answerOf(key, step.saved.applied.length, after), ...(skipped && { skipped }) }
  const { operator, discard } = action
  const act = discard ? { action: 'discard', event: discard.event, reason: discard.reason } : { action: 'redrive' }
  const [auditId] = await addAudit(tx, 'parking_audit', [{ ...act, operator, key, before, after, answer }])
  if (!step.next) return { answer, saved: step.saved }
  await saveDue(tx, keyState, auditId!)
  return { progress: { cursor: step.next, audit: auditId }, saved: step.saved }
}

async function saveDue<State, Event>(tx: Tx, keyState: KeyState<State, Event>, auditId: number): Promise<void> {
  keyState.due = auditId
  await saveKeys(tx, [keyState])
}

interface Beginning {
  readonly before: Standing
  /** Versions that never came. */
  readonly skipped: number[] | undefined
}

async function begin<State, Event>(
  tx: Tx,
  { key, discard }: Action,
  keyState: KeyState<State, Event>,
  isLocked: boolean,
  context: BatchContext<State, Event>,
): Promise<Refused | { answer: Redriven } | Beginning> {
  const target = discard && (await findParked(tx, key, discard.event, isLocked))
  const earlier = discard && (await discardAnswer<Redriven>(tx, 'parking_audit', key, discard.event))
  // A gap was skipped, and the event behind it may be the head by now: the same request again does not mean that.
  if (earlier && (!target || (earlier.answer.skipped && earlier.reason === discard.reason)))
    return { answer: earlier.answer }
  const before = await standing(tx, key, keyState.version, isLocked, target)
  if (before.parked === 0) return { refused: 'nothing-parked', detail: `Nothing is parked of ${key}.` }
  if (!discard) return { before, skipped: undefined }
  const skips = discard.skipVersion && !discard.dropWaiting && target?.parking.state === 'waiting'
  const first = skips ? await firstOfGap(tx, target) : undefined
  if (first !== undefined) return { before, skipped: await skipGap(tx, keyState, first) }
  if (!target || !mayGo(target, discard)) return notHead(tx, key, discard, isLocked)
  return (await giveUp(tx, keyState, target, discard, context)) ?? { before, skipped: undefined }
}

/** The key goes on with this version, without those that are missing before it. Gives them, the first 1,000. */
async function skipGap<State, Event>(tx: Tx, keyState: KeyState<State, Event>, first: number): Promise<number[]> {
  const gap = { from: keyState.version + 1, to: first - 1 }
  await skipVersions(tx, keyState.key, gap)
  keyState.version = gap.to
  keyState.eventId = null
  const length = Math.min(gap.to - gap.from + 1, longestList)
  return Array.from({ length }, (_, n) => gap.from + n)
}

/** Drops the record; with `skipVersion` also its version, if that is the key's next. */
async function giveUp<State, Event>(
  tx: Tx,
  keyState: KeyState<State, Event>,
  target: ParkedRecord,
  { event, skipVersion }: Discard,
  context: BatchContext<State, Event>,
): Promise<Refused | undefined> {
  const next = keyState.version + 1
  const isHead = !target.keyless && target.parking.state === 'head'
  const version = isHead ? (context.decoder.decode(target.topicId, target.record).version ?? target.version) : undefined
  if (version === next && !skipVersion) {
    const detail = `${event} is version ${next}: without it the key goes on only with skipVersion: true.`
    return { refused: 'version-not-skipped', detail }
  }
  // A head that cannot be read may have been the next version, if that is not among the others.
  const mayBeNext = async () => version === null && !(await isThere(tx, keyState.key, next, target, context))
  if (skipVersion && (version === next || (await mayBeNext()))) {
    keyState.version = next
    keyState.eventId = null
  }
  await removeParked(tx, target)
  await addDiscarded(tx, target.topicId, target.record)
  return undefined
}

/**
 * Conflicts, and what only bears the key's name, hold nothing up: they may always go. An event that waits may, where it is
 * asked for: one that another producer wrote has a version that the key's own producer gives to another event.
 */
const mayGo = ({ keyless, parking: { state } }: ParkedRecord, { dropWaiting }: Discard) =>
  keyless || state === 'head' || state === 'conflict' || (dropWaiting === true && state === 'waiting')

/** This event's version, if it is the first that waits for a gap, and no head stands before it. */
async function firstOfGap(tx: Tx, target: ParkedRecord): Promise<number | undefined> {
  if (target.keyless || target.version === null || (await headOf(tx, target.key))) return undefined
  const first = await firstWaiting(tx, target.key)
  return first === target.event ? target.version : undefined
}

/** Whether the version is parked, also as a record that can be read only now. */
async function isThere<State, Event>(
  tx: Tx,
  key: string,
  version: number,
  target: ParkedRecord,
  context: BatchContext<State, Event>,
): Promise<boolean> {
  if (await isParked(tx, key, version)) return true
  const { records } = await unread(tx, key, 0n, mostReadAnew)
  return records.some(
    (row) => row.seq !== target.seq && context.decoder.decode(row.topicId, row.record).version === version,
  )
}

async function notHead(tx: Tx, key: string, { event }: Discard, isLocked: boolean): Promise<Refused> {
  const head = isLocked ? await headOf(tx, key) : undefined
  const first = isLocked && !head ? await firstWaiting(tx, key) : undefined
  const instead = head
    ? `the head is ${head}`
    : first
      ? `the key waits for a version before ${first}, which may be named with skipVersion: true, or with dropWaiting: true`
      : 'the key has no head'
  return { refused: 'not-the-head', detail: `${event} is no head, conflict or record without a key; ${instead}.` }
}
