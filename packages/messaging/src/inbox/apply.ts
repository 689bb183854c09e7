// From locked orders to stored changes: what a batch and the redrive of one order have in common.
import { refusalOf } from '@inorder/storage/sqlstate.ts'
import { savepoint, type Tx } from '@inorder/storage/transaction.ts'
import type { Decoder } from '../kafka/decode.ts'
import { type Fault, faultOf, placeName } from '../kafka/event.ts'
import type { Topic } from '../kafka/topic.ts'
import { addLate } from './audit.ts'
import { type Changes, judge, noChanges, type Outcome, settle } from './decide.ts'
import { addEffects, effectRows } from './effect-rows.ts'
import type { Handler } from './handler.ts'
import { type Entry, newOrder, type Order } from './order.ts'
import { addCopies } from './parked-copies.ts'
import { savePlaces } from './parked-store.ts'
import { type LockedOrders, saveOrders } from './store.ts'
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

/**
 * Applies these records, in their order, to the orders that are locked, and saves what came of it. With `singly` each
 * event is loaded, applied and saved under a savepoint of its own, and one that the database refuses is parked like one
 * that `apply` refuses.
 */
export async function applyEntries<State, Event>(
  tx: Tx,
  entries: readonly Entry<Event>[],
  locked: LockedOrders<State, Event>,
  context: BatchContext<State, Event>,
  singly: boolean,
  search?: Search<Event>,
): Promise<Saved<State, Event>> {
  const { topic, handler } = context
  const { orders } = locked
  const changes = noChanges<State, Event>()
  if (!singly) await loadStates(tx, handler, orders)

  const attempt = singly ? attemptSaved : attemptInMemory
  for (const entry of entries) {
    // An order may have the very name under which a record that belongs to none is kept.
    const known = entry.orderless ? undefined : orders.get(entry.orderId)
    const order = known ?? newOrder<State, Event>(entry.orderId)
    let candidate = judge(order, entry, changes)
    while (candidate) {
      if (search) search.trying = { arriving: entry, record: candidate }
      const verdict = search?.verdicts.get(placeName(candidate.topicId, candidate))
      const outcome = verdict ? { fault: verdict } : attempt(tx, handler, order, candidate)
      candidate = settle(order, candidate, outcome instanceof Promise ? await outcome : outcome, changes)
    }
  }
  if (search) search.trying = undefined

  if (!singly && changes.applied.length > 0) await handler.save(tx, statesOf(changes, orders))
  await addEffects(tx, changes.effects)
  await saveOrders(tx, locked)
  await savePlaces(tx, topic.name, changes.moved)
  if (changes.late.length > 0) await addLate(tx, context.instance, changes.late)
  const due = [...orders.values()].some((order) => order.due !== null)
  return { ...changes, copies: await addCopies(tx, changes.moved, context), due }
}

/** An order of version 0 has no state: nothing of it was ever applied. */
async function loadStates<State, Event>(
  tx: Tx,
  handler: Handler<State, Event>,
  orders: ReadonlyMap<string, Order<State, Event>>,
): Promise<void> {
  const known = [...orders.values()].filter((order) => order.version > 0 && !order.blocked)
  if (known.length === 0) return
  const orderIds = known.map((order) => order.orderId)
  const states = await handler.load(tx, orderIds)
  for (const order of known) order.state = states.get(order.orderId)
}

function statesOf<State, Event>(
  { applied }: Changes<State, Event>,
  orders: ReadonlyMap<string, Order<State, Event>>,
): Map<string, State> {
  const states = new Map<string, State>()
  for (const { orderId } of applied) {
    const state = orders.get(orderId)?.state
    if (state !== undefined) states.set(orderId, state)
  }
  return states
}

function attemptInMemory<State, Event>(
  _tx: Tx,
  handler: Handler<State, Event>,
  order: Order<State, Event>,
  entry: Entry<Event>,
): Outcome<State> {
  if (!entry.decoded) return { fault: entry.fault ?? faultOf('undecodable', 'it was not read') }
  try {
    const { state, effects } = handler.apply(order.state, entry.decoded.event)
    return { state, effects: effects && effectRows(order.orderId, entry.decoded, effects) }
  } catch (error) {
    return { fault: faultOf('apply-failed', error) }
  }
}

async function attemptSaved<State, Event>(
  tx: Tx,
  handler: Handler<State, Event>,
  order: Order<State, Event>,
  entry: Entry<Event>,
): Promise<Outcome<State>> {
  if (!entry.decoded) return attemptInMemory(tx, handler, order, entry)
  try {
    return await savepoint(tx, async () => {
      if (order.version > 0 && order.state === undefined) {
        order.state = (await handler.load(tx, [order.orderId])).get(order.orderId)
      }
      const outcome = attemptInMemory(tx, handler, order, entry)
      if ('fault' in outcome) return outcome
      await handler.save(tx, new Map([[order.orderId, outcome.state]]))
      await addEffects(tx, outcome.effects ?? [])
      return { state: outcome.state }
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
