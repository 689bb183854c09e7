import type { Logger } from 'pino'
import type { OpenTransaction } from '../kafka/record-stream.ts'
import type { InboxMetrics } from './metrics.ts'

/** A transaction takes moments, and Kafka ends one that is left alone after a minute (its producer may say 15). */
const longSeconds = 10
const sameAlarmMs = 60_000

/**
 * Tells of transactions that others have open in the topic: nothing behind its first record is applied before one ends, and
 * a producer that is gone may leave it open for ever.
 */
export class OpenTransactions {
  readonly #logger: Logger
  readonly #metrics: InboxMetrics
  /** `performance.now()` of a partition's last alarm. */
  readonly #told = new Map<number, number>()

  constructor(logger: Logger, metrics: InboxMetrics) {
    this.#logger = logger
    this.#metrics = metrics
  }

  tell(open: readonly OpenTransaction[]): void {
    this.#metrics.openTransaction.reset()
    for (const { partition, offset, seconds } of open) {
      this.#metrics.openTransaction.set({ partition }, seconds)
      const now = performance.now()
      if (seconds < longSeconds || now - (this.#told.get(partition) ?? -sameAlarmMs) < sameAlarmMs) continue
      this.#told.set(partition, now)
      this.#logger.error(
        { alarm: 'inbox-open-transaction', partition, offset: Number(offset), seconds: Math.round(seconds) },
        'somebody has a transaction open in the topic: what stands behind it waits. If its producer is gone, abort it',
      )
    }
  }
}
