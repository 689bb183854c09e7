import type { Tx } from '@inorder/storage/transaction.ts'
import type { SourceRecord } from '../kafka/record.ts'
import type { Effect } from './effect.ts'

/** An event that was applied, and the record that brought it. */
export interface AppliedEvent<Event> {
  readonly key: string
  readonly event: Event
  readonly record: SourceRecord | undefined
}

/** What a service does with an event. Written once per service; the runtime around it keeps order and counts once. */
export interface Handler<State, Event> {
  /** The states of these keys, one query for the whole batch; a key without state is absent. */
  load(tx: Tx, keys: readonly string[]): Promise<Map<string, State>>
  /**
   * Pure, synchronous, and a function of its own key alone. What it throws parks the event. Effects are slow work
   * (a payment) that is stored with the state and done by the service's EffectRunner, in this order.
   */
  apply(state: State | undefined, event: Event): { state: State; effects?: readonly Effect[] }
  /** Writes the changed states, one multi-row statement. `applied`: what changed them, for who keeps each event. */
  save(tx: Tx, changed: ReadonlyMap<string, State>, applied: readonly AppliedEvent<Event>[]): Promise<void>
}
