// Requests that wait until an order has reached a version (read your own write).
// A commit of this process wakes them at once. Another instance may own the order's partition, so while anyone waits
// the database is asked too, for all of them at once: LISTEN would cost each commit a NOTIFY for a rare reader.

export interface VersionWait {
  /** Resolves when the version is there, when the order is held, or after `ms`; it is for the caller to look which. */
  within(ms: number): Promise<void>
  forget(): void
}

interface Entry {
  minVersion: number
  wake: () => void
}

export class VersionWaits {
  readonly #versionsOf: (orderIds: string[]) => Promise<Map<string, number>>
  readonly #heldAmong: (orderIds: string[]) => Promise<string[]>
  readonly #onPollFailed: (error: unknown) => void
  readonly #limit: number
  readonly #pollMs: number
  readonly #waiting = new Map<string, Set<Entry>>()
  #count = 0
  #closed = false
  #poll: NodeJS.Timeout | undefined

  constructor(options: {
    versionsOf: (orderIds: string[]) => Promise<Map<string, number>>
    /** Those of the orders for which no version comes until an operator decides. */
    heldAmong: (orderIds: string[]) => Promise<string[]>
    /** The database did not answer: the waits go on, and end by their time. */
    onPollFailed: (error: unknown) => void
    limit?: number
    pollMs?: number
  }) {
    this.#versionsOf = options.versionsOf
    this.#heldAmong = options.heldAmong
    this.#onPollFailed = options.onPollFailed
    this.#limit = options.limit ?? 10_000
    this.#pollMs = options.pollMs ?? 250
  }

  get full(): boolean {
    return this.#count >= this.#limit
  }

  /** Register before the first look at the database: a version that comes in between is not missed. */
  expect(orderId: string, minVersion: number): VersionWait {
    const { promise, resolve } = Promise.withResolvers<void>()
    const entry: Entry = { minVersion, wake: resolve }
    const ofOrder = this.#waiting.get(orderId) ?? new Set()
    this.#waiting.set(orderId, ofOrder.add(entry))
    this.#count++
    return {
      within: async (ms) => {
        if (this.#closed) return
        this.#schedulePoll()
        const timer = setTimeout(resolve, ms)
        await promise
        clearTimeout(timer)
      },
      forget: () => {
        if (!ofOrder.delete(entry)) return
        this.#count--
        if (ofOrder.size === 0) this.#waiting.delete(orderId)
      },
    }
  }

  applied(orderId: string, version: number): void {
    for (const entry of this.#waiting.get(orderId) ?? []) if (version >= entry.minVersion) entry.wake()
  }

  /** Ends all waits, those to come too, so that a stopping service answers them instead of holding on. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#poll)
    for (const ofOrder of this.#waiting.values()) for (const entry of ofOrder) entry.wake()
  }

  #schedulePoll(): void {
    this.#poll ??= setTimeout(() => void this.#pollOnce(), this.#pollMs).unref()
  }

  async #pollOnce(): Promise<void> {
    try {
      const orderIds = [...this.#waiting.keys()]
      const [versions, held] = await Promise.all([this.#versionsOf(orderIds), this.#heldAmong(orderIds)])
      for (const [orderId, version] of versions) this.applied(orderId, version)
      for (const orderId of held) this.applied(orderId, Number.POSITIVE_INFINITY)
    } catch (error) {
      this.#onPollFailed(error)
    }
    this.#poll = undefined
    if (this.#count > 0) this.#schedulePoll()
  }
}
