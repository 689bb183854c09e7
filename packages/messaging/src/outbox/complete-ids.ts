import { setTimeout as pause } from 'node:timers/promises'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import { readAdders } from './store.ts'

const betweenLooksMs = 100

/** Up to which id every row of the outbox is committed or never will be: ids are drawn in one order and committed in another. */
export class CompleteIds {
  readonly #pool: Pool
  readonly #logger: Logger
  #upTo: bigint | undefined
  /** An id, and who may still have been adding rows up to it. */
  #mark: { lastId: bigint; adders: readonly string[] } | undefined
  #lookedAt = Number.NEGATIVE_INFINITY
  #looking = false

  constructor(pool: Pool, logger: Logger) {
    this.#pool = pool
    this.#logger = logger
  }

  /** A statement that is sent after this was read sees every row up to it that there will ever be. */
  get upTo(): bigint | undefined {
    return this.#upTo
  }

  /** Finds out for the first time, for so long at most. */
  async learn(limitMs: number): Promise<void> {
    const end = performance.now() + limitMs
    while (this.#upTo === undefined && performance.now() < end) {
      await this.#look()
      if (this.#upTo === undefined) await pause(10)
    }
  }

  /** Cheap: call it with each read. */
  follow(): void {
    if (this.#looking || performance.now() - this.#lookedAt < betweenLooksMs) return
    this.#lookedAt = performance.now()
    this.#looking = true
    this.#look()
      // The floors stay where they are, and the reads will say what is wrong.
      .catch((error: Error) => this.#logger.debug({ cause: error.message }, 'cannot ask who adds to the outbox'))
      .finally(() => {
        this.#looking = false
      })
  }

  async #look(): Promise<void> {
    const now = await readAdders(this.#pool)
    const still = new Set(now.adders)
    if (still.size === 0) this.#upTo = now.lastId
    else if (this.#mark?.adders.some((adder) => still.has(adder))) return
    else if (this.#mark) this.#upTo = this.#mark.lastId
    this.#mark = now
  }
}
