// Requests that wait until an order has reached a version (read your own write).
// A commit of this process wakes them at once. Another instance may own the order's partition, so while anyone waits
// the database is asked too, for all of them at once: LISTEN would cost each commit a NOTIFY for a rare reader.
//
// The outbox has `Waiters` of its own: with these they share a promise and its timer, and no more. Those end all at once,
// thousands a second, without a version, a bound or a question to the database.

interface VersionWaitsOptions {
  versionsOf(orderIds: string[]): Promise<Map<string, number>>
  /** Those of the orders for which no version comes until an operator decides. */
  heldAmong(orderIds: string[]): Promise<string[]>
  /** The database did not answer: the waits go on, and end by their time. */
  onPollFailed(error: unknown): void
  limit?: number
  pollMs?: number
}

interface Wait {
  minVersion: number
  wake: () => void
}

export class VersionWaits {
  readonly #options: Required<VersionWaitsOptions>
  readonly #byOrder = new Map<string, Set<Wait>>()
  #count = 0
  #closed = false
  #poll: NodeJS.Timeout | undefined

  constructor(options: VersionWaitsOptions) {
    this.#options = { limit: 10_000, pollMs: 250, ...options }
  }

  get full(): boolean {
    return this.#count >= this.#options.limit
  }

  /** Register before the first look at the database: a version that comes in between is not missed. */
  expect(orderId: string, minVersion: number) {
    const { promise, resolve } = Promise.withResolvers<void>()
    const wait = { minVersion, wake: resolve }
    const ofOrder = this.#byOrder.get(orderId) ?? new Set()
    this.#byOrder.set(orderId, ofOrder.add(wait))
    this.#count++
    return {
      /** Resolves when the version is there, when the order is held, or after `ms`; it is for the caller to look which. */
      within: async (ms: number): Promise<void> => {
        if (this.#closed) return
        this.#schedulePoll()
        const timer = setTimeout(resolve, ms)
        await promise
        clearTimeout(timer)
      },
      forget: (): void => {
        if (!ofOrder.delete(wait)) return
        this.#count--
        if (ofOrder.size === 0) this.#byOrder.delete(orderId)
      },
    }
  }

  applied(orderId: string, version: number): void {
    for (const { minVersion, wake } of this.#byOrder.get(orderId) ?? []) if (version >= minVersion) wake()
  }

  /** Ends all waits, those to come too, so that a stopping service answers them instead of holding on. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#poll)
    for (const ofOrder of this.#byOrder.values()) for (const { wake } of ofOrder) wake()
  }

  #schedulePoll(): void {
    this.#poll ??= setTimeout(() => void this.#pollOnce(), this.#options.pollMs).unref()
  }

  async #pollOnce(): Promise<void> {
    const { versionsOf, heldAmong, onPollFailed } = this.#options
    try {
      const orderIds = [...this.#byOrder.keys()]
      const [versions, held] = await Promise.all([versionsOf(orderIds), heldAmong(orderIds)])
      for (const [orderId, version] of versions) this.applied(orderId, version)
      for (const orderId of held) this.applied(orderId, Number.POSITIVE_INFINITY)
    } catch (error) {
      onPollFailed(error)
    }
    this.#poll = undefined
    if (this.#count > 0) this.#schedulePoll()
  }
}
