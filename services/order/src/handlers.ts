import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import type { Handler } from '@inorder/messaging/inbox/handler.ts'
import type { Applied } from '@inorder/messaging/inbox/inbox.ts'
import { apply, type ReceivedOrder } from './order.ts'
import { save } from './store.ts'
import type { VersionWaits } from './version-waits.ts'

export const orderHandler: Handler<ReceivedOrder, OrderEvent> = {
  // An event carries the whole order: what was there before is overwritten, so it is not read either.
  load: async () => new Map(),
  apply: (before, event) => ({ state: apply(before, event), effects: [] }),
  save,
}

/** After each commit: tells who waits. */
export const handled =
  (waits: VersionWaits) =>
  (applied: readonly Applied<ReceivedOrder, OrderEvent>[]): void => {
    for (const { key, event } of applied) waits.applied(key, event.version)
  }
