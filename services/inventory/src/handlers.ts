import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import type { Handler } from '@inorder/messaging/inbox/handler.ts'
import { apply, type Demand } from './demand.ts'
import { load, save } from './store.ts'

export const demandHandler: Handler<Demand, OrderEvent> = {
  load,
  apply: (before, event) => ({ state: apply(before, event) }),
  save,
}
