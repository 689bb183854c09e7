// Rule 18: an operator lets an order go on, with or without the record that holds it up. Under the row that its batches
// lock too, with their decisions: whoever comes second finds what the first has left.

import type { Tx } from '@inorder/storage/transaction.ts'
import type { Refused } from '../outbox/ops.ts'
import type { BatchContext } from './apply.ts'
import { nothingSaved, type Saved } from './apply.ts'
import { addAudit, auditedAnswer, discardAnswer, isRedrive, updateAudit } from './audit.ts'
import { addDiscarded, lockPositionOf } from './discard.ts'
import type { Discard, Redriven, Standing } from './ops.ts'
import type { Order } from './order.ts'
import { answerOf, named, nameOf, standing } from './parked-standing.ts'
import { type ParkedRecord, removeParked } from './parked-store.ts'
import { firstWaiting, headOf, isParked, unread } from './parked-turns.ts'
import { type AtHand, beginning, type Cursor, type Size, takeStep } from './redrive-steps.ts'
import { type LockedOrders, lockOrder, saveOrders, skipVersions } from './store.ts'

export interface Action {
  readonly orderId: string
  readonly operator: string
  readonly discard?: Discard
}

/** Where an action is: `audit` is its entry once it has begun. */
export interface Progress {
  readonly cursor: Cursor
  readonly audit: number | undefined
}

export type Outcome<State, Event> = { readonly saved?: Saved<State, Event> } & (
  | { readonly refused: Refused }
  | { readonly answer: Redriven }
  | { readonly progress: Progress }
)

const longestList = 1_000

/**
 * One transaction of an action: it begins, or goes on with what the order is due for, which may be somebody else's. Without
 * an action it only goes on; then the answer, which nobody waits for, is missing from the outcome.
 */
export async function advance<State, Event>(
  tx: Tx,
  orderId: string,
  action: Action | undefined,
  { cursor, audit }: Progress,
  context: BatchContext<State, Event>,
  size: Size,
  atHand: AtHand,
): Promise<Outcome<State, Event> | undefined> {
  if (action?.discard && audit === undefined) await lockPositionOf(tx, action.discard.event)
  // 1. The order's row; in the next statements what is parked of it (rule 14).
  const locked = await lockOrder<State, Event>(tx, orderId)
  const order = locked.orders.get(orderId)!
  // What belongs to none may bear the name of an order that arrives only now, which nobody has locked: not ours to touch.
  const isLocked = locked.created.length === 0

  // 2. What it is due for comes first. A redrive that finds it due for one takes that one's answer.
  if (order.due !== null) {
    const entry = order.due
    const step = await takeStep(tx, locked, context, cursor, size, atHand)
    if (step.next) await saveDue(tx, locked, order, entry)
    if (entry > 0) {
      const after = await standing(tx, orderId, order.version, isLocked)
      await updateAudit(tx, entry, answerOf(orderId, step.saved.applied.length, after), after)
    }
    const joins = action && !action.discard && (await isRedrive(tx, entry))
    const next = { cursor: step.next ?? beginning, audit: joins ? entry : audit }
    return { progress: next, saved: step.saved }
  }
  if (!action) return undefined
  if (audit !== undefined) return { answer: await auditedAnswer(tx, audit) }

  // 3. It begins: what is discarded goes, if it may.
  const begun = await begin(tx, action, order, isLocked, context)
  if (!('before' in begun)) return begun
  const { before, skipped } = begun
  if (!isLocked) {
    const after = await standing(tx, orderId, 0, isLocked)
    const answer = answerOf(orderId, 0, after)
    await addAudit(tx, action, before, after, answer)
    return { answer, saved: nothingSaved() }
  }

  // 4. The first step, which mostly is the only one.
  const step = await takeStep(tx, locked, context, cursor, size, atHand)
  const after = await standing(tx, orderId, order.version, isLocked)
  const answer = { ...answerOf(orderId, step.saved.applied.length, after), ...(skipped && { skipped }) }
  const entry = await addAudit(tx, action, before, after, answer)
  if (!step.next) return { answer, saved: step.saved }
  await saveDue(tx, locked, order, entry)
  return { progress: { cursor: step.next, audit: entry }, saved: step.saved }
}

async function saveDue<State, Event>(
  tx: Tx,
  { orders }: LockedOrders<State, Event>,
  order: Order<State, Event>,
  entry: number,
): Promise<void> {
  order.due = entry
  await saveOrders(tx, { orders, rows: new Map() })
}

interface Begun {
  readonly before: Standing
  /** Versions that never came. */
  readonly skipped: number[] | undefined
}

async function begin<State, Event>(
  tx: Tx,
  { orderId, discard }: Action,
  order: Order<State, Event>,
  isLocked: boolean,
  context: BatchContext<State, Event>,
): Promise<{ refused: Refused } | { answer: Redriven } | Begun> {
  const target = discard && (await named(tx, orderId, discard.event, isLocked))
  const earlier = discard && (await discardAnswer(tx, orderId, discard.event))
  // A gap was skipped, and the event behind it may be the head by now: the same request again does not mean that.
  if (earlier && (!target || (earlier.answer.skipped && earlier.reason === discard.reason)))
    return { answer: earlier.answer }
  const before = await standing(tx, orderId, order.version, isLocked, target)
  if (before.parked === 0) {
    return { refused: { refused: 'nothing-parked', detail: `Nothing is parked of ${orderId}.` } }
  }
  if (!discard) return { before, skipped: undefined }
  const next = order.version + 1
  const first = discard.skipVersion && target?.place.state === 'waiting' ? await mayStep(tx, target) : undefined
  if (first !== undefined) {
    const gap = { from: next, to: first - 1 }
    await skipVersions(tx, orderId, gap)
    order.version = gap.to
    order.eventId = null
    const length = Math.min(gap.to - gap.from + 1, longestList)
    return { before, skipped: Array.from({ length }, (_, n) => gap.from + n) }
  }
  if (!target || !mayGo(target)) return { refused: await notHead(tx, orderId, discard, isLocked) }
  const isHead = !target.orderless && target.place.state === 'head'
  const version = isHead ? (context.decoder.decode(target.topicId, target.record).version ?? target.version) : 0
  if (version === next && !discard.skipVersion) {
    const detail = `${discard.event} is version ${next}: without it the order goes on only with skipVersion: true.`
    return { refused: { refused: 'version-not-skipped', detail } }
  }
  // A head that cannot be read may have been the next version, if that is not among the others.
  if (
    discard.skipVersion &&
    (version === next || (version === null && !(await isThere(tx, orderId, next, target, context))))
  ) {
    order.version = next
    order.eventId = null
  }
  await removeParked(tx, target)
  await addDiscarded(tx, target.topicId, target.record)
  return { before, skipped: undefined }
}

/** Conflicts, and what only bears the order's name, hold nothing up: they may always go. */
const mayGo = ({ orderless, place }: ParkedRecord) => orderless || place.state === 'head' || place.state === 'conflict'

/** The version of the first event that waits for a gap, if it is this one and no head stands before it. */
async function mayStep(tx: Tx, target: ParkedRecord): Promise<number | undefined> {
  if (target.orderless || target.version === null || (await headOf(tx, target.orderId))) return undefined
  const first = await firstWaiting(tx, target.orderId)
  return first === nameOf(target) ? target.version : undefined
}

/** Whether the version is parked, also as a record that can be read only now. */
async function isThere<State, Event>(
  tx: Tx,
  orderId: string,
  version: number,
  target: ParkedRecord,
  context: BatchContext<State, Event>,
): Promise<boolean> {
  if (await isParked(tx, orderId, version)) return true
  const { records } = await unread(tx, orderId, 0n, { records: 500, bytes: 8 * 1024 * 1024 })
  return records.some(
    (row) => row.seq !== target.seq && context.decoder.decode(row.topicId, row.record).version === version,
  )
}

async function notHead(tx: Tx, orderId: string, { event }: Discard, isLocked: boolean): Promise<Refused> {
  const head = isLocked ? await headOf(tx, orderId) : undefined
  const first = isLocked && !head ? await firstWaiting(tx, orderId) : undefined
  const instead = head
    ? `the head is ${head}`
    : first
      ? `the order waits for a version before ${first}, which may be named with skipVersion: true`
      : 'the order has no head'
  return { refused: 'not-the-head', detail: `${event} is no head, conflict or record without an order; ${instead}.` }
}
