import type { Tx } from '@inorder/storage/transaction.ts'
import type { Effect } from './effect.ts'

/** What a service does with an event. Written once per service; the runtime around it keeps order and counts once. */
export interface Handler<State, Event> {
  /** The states of these keys, one query for the whole batch; a key without state is absent. */
  load(tx: Tx, keys: readonly string[]): Promise<Map<string, State>>
  /**
   * Pure, synchronous, and a function of its own key alone. What it throws parks the event. Effects are slow work
   * (a payment) that is stored with the state and done by the service's EffectRunner, in this order.
   */
  apply(state: State | undefined, event: Event): { state: State; effects?: readonly Effect[] }
  /** Writes the changed states, one multi-row statement. */
  save(tx: Tx, changed: ReadonlyMap<string, State>): Promise<void>
}
