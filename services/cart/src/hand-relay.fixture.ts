import type { Delivery, Waiter } from '@inorder/messaging/outbox/delivery.ts'
import type pg from 'pg'

/** A relay in a test's hands. It tells who waits at that moment: whoever comes later has missed it. */
export class HandRelay {
  readonly #pool: pg.Pool
  readonly waiting = new Map<string, Set<() => void>>()
  unavailable = false
  /** Called after each commit. */
  wake: () => void = () => {}
  readonly delivery: Delivery

  constructor(pool: pg.Pool) {
    this.#pool = pool
    const isUnavailable = () => this.unavailable
    this.delivery = {
      get unavailable() {
        return isUnavailable()
      },
      retryAfter: 7,
      expect: (eventId) => this.#expect(eventId),
      join: (eventId) => this.#expect(eventId),
    }
  }

  committed(): void {
    this.wake()
  }

  #expect(eventId: string): Waiter {
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiters = this.waiting.get(eventId) ?? new Set()
    this.waiting.set(eventId, waiters.add(resolve))
    const delivered = promise.then(() => 'delivered' as const)
    return {
      within: (ms) => Promise.race([delivered, ending(this.unavailable ? 0 : ms)]),
      forget: () => waiters.delete(resolve),
    }
  }

  tell(eventId: string) {
    for (const tell of this.waiting.get(eventId) ?? []) tell()
  }

  /** Kafka acknowledges everything that waits. */
  async publishAll() {
    const { rows } = await this.#pool.query<{ event_id: string }>('DELETE FROM outbox RETURNING event_id')
    for (const row of rows) this.tell(row.event_id)
  }
}

const ending = (ms: number) => new Promise<'pending'>((resolve) => setTimeout(resolve, ms, 'pending').unref())
