// What the cart decides about an order: commands in, events out. Pure: nothing here knows of HTTP, SQL or Kafka.
import { allowedAfter, lifecycle } from '@inorder/contracts/lifecycle.ts'
import type { Order } from '@inorder/contracts/order.ts'

/** An order as the cart holds it: what it is, its version, and the event that made that version. */
export interface CartOrder {
  readonly order: Order
  /** 0: the log names it, and nothing else is known of it. */
  readonly version: number
  readonly eventId: string
  /** Why it takes no change until an operator decides (rule 12). */
  readonly held?: string
}

/** Versions that a client names. */
type Versions = 'all' | readonly number[]

export type Command = CreateOrder | ChangeStatus
interface Asked {
  /** Of the event that an accepted command makes. Chosen before, so that its waiter can be there before. */
  readonly eventId: string
  /** `strict`: statuses follow the table of moves. */
  readonly lifecycle: 'free' | 'strict'
  /** Refused where the order is at one of these versions. */
  readonly ifNoneMatch: Versions
}
export interface CreateOrder extends Asked {
  readonly type: 'CreateOrder'
  readonly order: Order
}
export interface ChangeStatus extends Asked {
  readonly type: 'ChangeStatus'
  readonly orderId: string
  readonly status: string
  /** Refused where the order is at none of these versions. */
  readonly ifMatch: Versions
}

export type Event =
  | { readonly type: 'OrderCreated'; readonly eventId: string; readonly order: Order }
  | {
      readonly type: 'OrderStatusChanged'
      readonly eventId: string
      readonly previousStatus: string
      readonly status: string
    }

type Refusal =
  | { kind: 'exists' | 'missing'; orderId: string }
  | { kind: 'other-version'; orderId: string; version: number }
  | { kind: 'illegal-move'; from: string | null; to: string; allowed: readonly string[] }
export interface Held {
  kind: 'held'
  orderId: string
  why: string
}
export type Decision = { kind: 'accepted'; event: Event } | { kind: 'unchanged'; now: CartOrder } | Refusal | Held

/** What became of a command; a repeat of its idempotency key is told the same. */
export type Outcome = { kind: 'created' | 'changed' | 'unchanged'; now: CartOrder } | Refusal

/** Preconditions come before "it exists" and before "it has that status already". */
export function decide(state: CartOrder | undefined, command: Command): Decision {
  const orderId = orderIdOf(command)
  switch (command.type) {
    case 'CreateOrder': {
      const { eventId, order, ifNoneMatch } = command
      if (!state) return illegalMove(null, order.status, command) ?? accepted({ type: 'OrderCreated', eventId, order })
      if (state.version === 0) return { kind: 'held', orderId, why: state.held ?? '' }
      if (names(ifNoneMatch, state.version)) return { kind: 'other-version', orderId, version: state.version }
      return { kind: 'exists', orderId }
    }
    case 'ChangeStatus': {
      if (!state) return { kind: 'missing', orderId }
      const { eventId, status, ifMatch, ifNoneMatch } = command
      const { version, held } = state
      if (held !== undefined) return { kind: 'held', orderId, why: held }
      if (!names(ifMatch, version) || names(ifNoneMatch, version)) return { kind: 'other-version', orderId, version }
      const previousStatus = state.order.status
      if (previousStatus === status) return { kind: 'unchanged', now: state }
      const event: Event = { type: 'OrderStatusChanged', eventId, previousStatus, status }
      return illegalMove(previousStatus, status, command) ?? accepted(event)
    }
    default:
      return unknown(command)
  }
}

/** The order after an event that `decide` has accepted for it. */
export function evolve(state: CartOrder | undefined, event: Event): CartOrder {
  const { eventId } = event
  switch (event.type) {
    case 'OrderCreated':
      return { order: event.order, version: 1, eventId }
    case 'OrderStatusChanged':
      if (!state) throw new Error('a change of status of no order')
      return { order: { ...state.order, status: event.status }, version: state.version + 1, eventId }
    default:
      return unknown(event)
  }
}

export const orderIdOf = (command: Command): string =>
  command.type === 'CreateOrder' ? command.order.orderId : command.orderId

/** The one place that knows the policy. `from` is null for a new order. */
function illegalMove(from: string | null, to: string, policy: Pick<Asked, 'lifecycle'>): Refusal | undefined {
  if (policy.lifecycle === 'free') return undefined
  const allowed: readonly string[] = from === null ? lifecycle.first : allowedAfter(from)
  return allowed.includes(to) ? undefined : { kind: 'illegal-move', from, to, allowed }
}

const accepted = (event: Event): Decision => ({ kind: 'accepted', event })
const names = (versions: Versions, version: number) => versions === 'all' || versions.includes(version)

function unknown(nothing: never): never {
  throw new Error(`neither a command nor an event that the cart knows: ${JSON.stringify(nothing)}`)
}
