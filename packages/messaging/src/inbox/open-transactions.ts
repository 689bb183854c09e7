import type { Logger } from 'pino'
import { OnceAMinute } from '../kafka/once-a-minute.ts'
import type { OpenTransaction } from '../kafka/record-stream.ts'
import type { InboxMetrics } from './metrics.ts'

/** A transaction takes moments, and Kafka ends one that is left alone after a minute (its producer may say 15). */
const longSeconds = 10

/**
 * Tells of transactions that others have open in the topic: nothing behind its first record is applied before one ends, and
 * a producer that is gone may leave it open for ever.
 */
export class OpenTransactions {
  readonly #logger: Logger
  readonly #metrics: InboxMetrics
  /** By partition. */
  readonly #told = new OnceAMinute<number>()

  constructor(logger: Logger, metrics: InboxMetrics) {
    this.#logger = logger
    this.#metrics = metrics
  }

  tell(open: readonly OpenTransaction[]): void {
    this.#metrics.openTransaction.reset()
    for (const { partition, offset, seconds } of open) {
      this.#metrics.openTransaction.set({ partition }, seconds)
      if (seconds < longSeconds || !this.#told.mayTell(partition)) continue
      this.#logger.error(
        { alarm: 'inbox-open-transaction', partition, offset: Number(offset), seconds: Math.round(seconds) },
        'somebody has a transaction open in the topic: what stands behind it waits. If its producer is gone, abort it',
      )
    }
  }
}
