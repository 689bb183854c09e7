// Gives stock to orders. What is to be done is found in the tables alone, so that a kill at any point loses nothing, and
// any instance takes up what another left; two never work at once (a lock).
import { logChanges } from '@inorder/messaging/outbox/log-changes.ts'
import { transaction } from '@inorder/storage/transaction.ts'
import { WokenLoop } from '@inorder/storage/woken-loop.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import { type Allotment, allocate } from './allocation.ts'
import { mostChanges, readRound, writeRound } from './allocation-store.ts'

/** What an instance recorded that died before its allocator looked: found after so long. */
const pollMs = 1_000

/** One transaction of its own. What was decided in it; undefined: there was nothing to do. */
export const allocateRound = (pool: Pool, limit: number): Promise<Allotment[] | undefined> =>
  transaction(pool, async (tx) => {
    const round = await readRound(tx, limit)
    if (!round) return undefined
    const allocation = allocate(round.orders, round.available, round.ahead)
    await writeRound(tx, round, allocation)
    return allocation.allotments
  })

export class Allocator {
  readonly #pool: Pool
  readonly #logger: Logger
  readonly #loop = new WokenLoop(pollMs, () => this.#allocate())
  #limit = mostChanges

  constructor(pool: Pool, logger: Logger) {
    this.#pool = pool
    this.#logger = logger
  }

  start(): void {
    this.#loop.start()
  }

  /** There is something to do: called after a commit that changed demands or stock. */
  wake(): void {
    this.#loop.wake()
  }

  /** Resolves when the round under way has ended. */
  close(): Promise<void> {
    return this.#loop.close()
  }

  async #allocate(): Promise<void> {
    try {
      while (!this.#loop.closing && (await this.#round(this.#limit)))
        this.#limit = Math.min(2 * this.#limit, mostChanges)
    } catch (error) {
      // 1,000 orders of 1,000 lines meet the deadline of a statement; half as many may not.
      this.#limit = Math.ceil(this.#limit / 2)
      this.#logger.warn(
        { err: error, limit: this.#limit },
        'a round of the allocator failed: orders wait for stock, and it is tried again with fewer of them',
      )
    }
  }

  /** Whether there was something to do. */
  async #round(limit: number): Promise<boolean> {
    const allotments = await allocateRound(this.#pool, limit)
    if (!allotments) return false
    logChanges(this.#logger, allotments, ({ order, status }) => ({ key: order.orderId, status }), 'stock allocated')
    for (const { order, short } of allotments) {
      if (short.length > 0)
        this.#logger.warn(
          { orderId: order.orderId, short },
          'an order was shipped, and the stock holds less than that: count these items, and set them by PUT /stock/{itemId}',
        )
    }
    return true
  }
}
