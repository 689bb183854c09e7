/** What became of an event that a request stored. */
export interface Delivery {
  /** Kafka is known not to take events now; until it has acknowledged something again. */
  readonly unavailable: boolean
  /** Seconds after which asking again makes sense. */
  readonly retryAfter: number
  /** Rule 7: before the transaction that stores the event is sent. Ends with `within` or `forget`. */
  expect(eventId: string): Waiter
  /** The same for an event that may be stored already. */
  join(eventId: string): Waiter
}

export interface Waiter {
  /** `pending` when Kafka has not acknowledged the event after so many ms; at once when Kafka is unavailable, or becomes so. */
  within(ms: number): Promise<EventDelivery>
  forget(): void
}

export type EventDelivery = 'delivered' | 'pending'
