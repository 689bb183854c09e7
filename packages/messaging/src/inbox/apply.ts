// From locked keys to stored changes: what a batch and the redrive of one key have in common.
import { answered } from '@inorder/storage/answered.ts'
import { refusalOf } from '@inorder/storage/sqlstate.ts'
import { savepoint, type Tx, transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import { type Decoder, SchemasMissing } from '../kafka/decode.ts'
import { type Fault, faultOf, placeName } from '../kafka/event.ts'
import type { Topic } from '../kafka/topic.ts'
import { trailOf } from '../kafka/trail.ts'
import { addLate } from './audit.ts'
import { type Changes, judge, noChanges, settle, type Tried } from './decide.ts'
import { addEffects, effectRows } from './effect-rows.ts'
import type { Handler } from './handler.ts'
import { type Entry, type KeyState, newKeyState } from './key-state.ts'
import { addCopies } from './parked-copies.ts'
import { saveParked } from './parked-store.ts'
import { saveKeys } from './store.ts'
import { refusedFault } from './suspects.ts'

export interface BatchContext<State, Event> {
  readonly topic: Topic<Event>
  readonly handler: Handler<State, Event>
  readonly decoder: Decoder<Event>
  readonly service: string
  readonly instance: string
}

export interface Saved<State, Event> extends Changes<State, Event> {
  readonly copies: readonly Entry<Event>[]
  /** More of what is parked may have its turn than this transaction took. */
  readonly due: boolean
}

export const nothingSaved = <State, Event>(): Saved<State, Event> => ({ ...noChanges(), copies: [], due: false })

/** For who looks for the record that makes a transaction fail. */
export interface Search<Event> {
  /** Records that are parked with these faults and not tried, by their places. */
  readonly verdicts: ReadonlyMap<string, Fault>
  /** What was being applied one by one when it failed, and the arriving record that brought its turn. */
  trying?: { readonly arriving: Entry<Event>; readonly record: Entry<Event> } | undefined
}

/** In one transaction; again where it needs schemas that are not known, which are learnt outside of it. */
export async function withSchemas<State, Event, T>(
  pool: Pool,
  context: BatchContext<State, Event>,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  try {
    return await transaction(pool, work)
  } catch (error) {
    if (!(error instanceof SchemasMissing)) throw error
    await context.decoder.learn(error.ids)
    return withSchemas(pool, context, work)
  }
}

/** Applies these records, in their order, to the keys that are locked, and saves what came of it. */
export async function applyEntries<State, Event>(
  tx: Tx,
  entries: readonly Entry<Event>[],
  keyStates: ReadonlyMap<string, KeyState<State, Event>>,
  context: BatchContext<State, Event>,
  oneByOne: boolean,
): Promise<Saved<State, Event>> {
  const changes = await changesBy(tx, entries, keyStates, context, oneByOne)
  return saveChanges(tx, changes, keyStates, context, oneByOne)
}

/**
 * What these records change. With `oneByOne` each event is loaded, applied and saved under a savepoint of its own, and one
 * that the database refuses is parked like one that `apply` refuses.
 */
export async function changesBy<State, Event>(
  tx: Tx,
  entries: readonly Entry<Event>[],
  keyStates: ReadonlyMap<string, KeyState<State, Event>>,
  { handler }: BatchContext<State, Event>,
  oneByOne: boolean,
  search?: Search<Event>,
): Promise<Changes<State, Event>> {
  const changes = noChanges<State, Event>()
  if (!oneByOne) await loadStates(tx, handler, keyStates)

  const attempt = oneByOne ? attemptSaved : attemptInMemory
  for (const entry of entries) {
    // A key may have the very name under which a record that belongs to none is kept.
    const known = entry.keyless ? undefined : keyStates.get(entry.key)
    const keyState = known ?? newKeyState<State, Event>(entry.key)
    let candidate = judge(keyState, entry, changes)
    while (candidate) {
      if (search) search.trying = { arriving: entry, record: candidate }
      const verdict = search?.verdicts.get(placeName(candidate.topicId, candidate))
      const tried = verdict ? { fault: verdict } : attempt(tx, handler, keyState, candidate)
      candidate = settle(keyState, candidate, tried instanceof Promise ? await tried : tried, changes)
    }
  }
  if (search) search.trying = undefined
  return changes
}

/** In one round trip, behind what the caller has `sent` already. */
export async function saveChanges<State, Event>(
  tx: Tx,
  changes: Changes<State, Event>,
  keyStates: ReadonlyMap<string, KeyState<State, Event>>,
  context: BatchContext<State, Event>,
  oneByOne: boolean,
  sent: readonly Promise<unknown>[] = [],
): Promise<Saved<State, Event>> {
  const { topic, handler, instance } = context
  const copies = addCopies(tx, changes.moved, context)
  const save = async () => {
    if (!oneByOne && changes.applied.length > 0) await handler.save(tx, statesOf(changes, keyStates), changes.applied)
  }
  // The handler's comes last: it may be several statements, with a savepoint of its own, and none of ours among them.
  await answered([
    ...sent,
    copies,
    addEffects(tx, changes.effects),
    saveKeys(tx, keyStates.values()),
    saveParked(tx, topic.name, changes.moved),
    addLate(tx, instance, changes.late),
    save(),
  ])
  const due = [...keyStates.values()].some((keyState) => keyState.due !== null)
  return { ...changes, copies: await copies, due }
}

/** A key of version 0 has no state: nothing of it was ever applied. */
async function loadStates<State, Event>(
  tx: Tx,
  handler: Handler<State, Event>,
  keyStates: ReadonlyMap<string, KeyState<State, Event>>,
): Promise<void> {
  const known = [...keyStates.values()].filter((keyState) => keyState.version > 0 && !keyState.blocked)
  if (known.length === 0) return
  const keys = known.map((keyState) => keyState.key)
  const states = await handler.load(tx, keys)
  for (const keyState of known) keyState.state = states.get(keyState.key)
}

function statesOf<State, Event>(
  { applied }: Changes<State, Event>,
  keyStates: ReadonlyMap<string, KeyState<State, Event>>,
): Map<string, State> {
  const states = new Map<string, State>()
  for (const { key } of applied) {
    const state = keyStates.get(key)?.state
    if (state !== undefined) states.set(key, state)
  }
  return states
}

function attemptInMemory<State, Event>(
  _tx: Tx,
  handler: Handler<State, Event>,
  keyState: KeyState<State, Event>,
  entry: Entry<Event>,
): Tried<State> {
  if (!entry.decoded) return { fault: entry.fault ?? faultOf('undecodable', 'it was not read') }
  try {
    const { state, effects } = handler.apply(keyState.state, entry.decoded.event)
    if (!effects?.length) return { state }
    return { state, effects: effectRows(keyState.key, entry.decoded, effects, trailOf(entry.record)) }
  } catch (error) {
    return { fault: faultOf('apply-failed', error) }
  }
}

async function attemptSaved<State, Event>(
  tx: Tx,
  handler: Handler<State, Event>,
  keyState: KeyState<State, Event>,
  entry: Entry<Event>,
): Promise<Tried<State>> {
  const { decoded, record } = entry
  if (!decoded) return attemptInMemory(tx, handler, keyState, entry)
  try {
    return await savepoint(tx, async () => {
      if (keyState.version > 0 && keyState.state === undefined) {
        keyState.state = (await handler.load(tx, [keyState.key])).get(keyState.key)
      }
      const tried = attemptInMemory(tx, handler, keyState, entry)
      if ('fault' in tried) return tried
      const { key } = keyState
      await handler.save(tx, new Map([[key, tried.state]]), [{ key, event: decoded.event, record }])
      await addEffects(tx, tried.effects ?? [])
      return { state: tried.state }
    })
  } catch (error) {
    const refusal = refusalOf(error)
    if (refusal === 'data') return { fault: faultOf('constraint', error) }
    // Of a redrive: what is parked, and still fails, may stay parked whoever's fault it is.
    const isParked = entry.before?.state === 'head' || entry.before?.state === 'behind'
    if (refusal === 'unclear' && isParked) return { fault: refusedFault(error) }
    throw error
  }
}
