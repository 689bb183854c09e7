import type { Delivery, EventDelivery, Waiter } from './delivery.ts'

const retryAfterSeconds = 2

interface Acknowledging {
  isAcknowledged(eventId: string): boolean
}

/** Requests that wait for an event, by its id. Most events have one or none, so each holds the next in a chain. */
export class Waiters implements Delivery {
  readonly retryAfter = retryAfterSeconds
  readonly #byEvent = new Map<string, Waiting>()
  readonly #isUnavailable: () => boolean
  readonly #lanes: () => Acknowledging | undefined

  /** `lanes`: the leader's at this moment, if this instance leads. */
  constructor(isUnavailable: () => boolean, lanes: () => Acknowledging | undefined = () => undefined) {
    this.#isUnavailable = isUnavailable
    this.#lanes = lanes
  }

  get unavailable(): boolean {
    return this.#isUnavailable()
  }

  get size(): number {
    return this.#byEvent.size
  }

  expect(eventId: string): Waiter {
    return new Waiting(this.#byEvent, eventId, this.#isUnavailable, this.#lanes())
  }

  join(eventId: string): Waiter {
    const waiting = new Waiting(this.#byEvent, eventId, this.#isUnavailable)
    if (this.#lanes()?.isAcknowledged(eventId)) this.delivered(eventId)
    return waiting
  }

  /**
   * The lanes that there were before the event was stored; undefined if it was delivered since. Who expected it is last in
   * the chain, as nobody else knew of it; after its delivery a chain begins with those who join.
   */
  lanesOf(eventId: string): object | undefined {
    let first = this.#byEvent.get(eventId)
    while (first?.next) first = first.next
    return first?.lanes
  }

  delivered(eventId: string): void {
    let waiting = this.#byEvent.get(eventId)
    if (!waiting) return
    this.#byEvent.delete(eventId)
    for (; waiting; waiting = waiting.next) waiting.settle('delivered')
  }

  /** Answers everybody who waits now; whoever has not begun to finds out by `isUnavailable`. */
  giveUp(): void {
    for (const first of [...this.#byEvent.values()])
      for (let waiting: Waiting | undefined = first; waiting; waiting = waiting.next) waiting.giveUp()
  }
}

class Waiting implements Waiter {
  next: Waiting | undefined
  readonly lanes: object | undefined
  readonly #all: Map<string, Waiting>
  readonly #eventId: string
  readonly #isUnavailable: () => boolean
  #outcome: EventDelivery | undefined
  #resolve: ((outcome: EventDelivery) => void) | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(all: Map<string, Waiting>, eventId: string, isUnavailable: () => boolean, lanes?: object) {
    this.#all = all
    this.#eventId = eventId
    this.#isUnavailable = isUnavailable
    this.lanes = lanes
    this.next = all.get(eventId)
    all.set(eventId, this)
  }

  within(ms: number): Promise<EventDelivery> {
    if (this.#outcome === undefined && (ms <= 0 || this.#isUnavailable())) this.forget()
    if (this.#outcome !== undefined) return Promise.resolve(this.#outcome)
    return new Promise((resolve) => {
      this.#resolve = resolve
      this.#timer = setTimeout(() => this.giveUp(), ms)
    })
  }

  /** Whoever waits by it is told `pending`. */
  forget(): void {
    let before = this.#all.get(this.#eventId)
    if (before !== this) {
      while (before && before.next !== this) before = before.next
      if (before) before.next = this.next
    } else if (this.next) this.#all.set(this.#eventId, this.next)
    else this.#all.delete(this.#eventId)
    this.settle('pending')
  }

  giveUp(): void {
    if (this.#resolve) this.forget()
  }

  settle(outcome: EventDelivery): void {
    if (this.#outcome !== undefined) return
    this.#outcome = outcome
    clearTimeout(this.#timer)
    this.#resolve?.(outcome)
  }
}
