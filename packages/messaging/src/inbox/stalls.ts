import { sqlState } from '@inorder/storage/sqlstate.ts'
import type { Logger } from 'pino'

const alarmAfterMs = 15_000
/** Before the alarm, so that it names the record. */
const isolateAfterMs = 5_000

/** Where a partition stands. */
export interface Standstill {
  /** The record's key, the beginning of it where it is long. */
  readonly key: string | null
  /** `topicId/partition/offset`; null: there is no record, only offsets without one. */
  readonly event: string | null
}

interface Stall {
  at: Standstill
  cause: string
  /** `performance.now()` of its first failure since the partition moved last. */
  readonly since: number
  told: boolean
}

/** Partitions whose batch is tried again and again: after 15 s that is an alarm, and the service is not ready. */
export class Stalls {
  readonly #topic: string
  readonly #logger: Logger
  readonly #stalls = new Map<number, Stall>()

  constructor(topic: string, logger: Logger) {
    this.#topic = topic
    this.#logger = logger
  }

  failed(partition: number, at: Standstill, error: unknown): void {
    const state = sqlState(error)
    const message = error instanceof Error ? error.message : String(error)
    const cause = state ? `${message} (SQLSTATE ${state})` : message
    const stall = this.#stalls.get(partition)
    // Where it stands at another record, that is another alarm.
    if (stall) Object.assign(stall, { at, cause, told: stall.told && stall.at.event === at.event })
    else this.#stalls.set(partition, { at, cause, since: performance.now(), told: false })
    this.tell()
  }

  /** Its batch went through, or the partition is somebody else's now. */
  moved(partition: number): void {
    const stall = this.#stalls.get(partition)
    this.#stalls.delete(partition)
    if (!stall?.told) return
    const { key, event } = stall.at
    this.#logger.info({ topic: this.#topic, partition, key, event }, 'the partition goes on')
  }

  keepOnly(partitions: ReadonlySet<number>): void {
    for (const partition of this.#stalls.keys()) if (!partitions.has(partition)) this.#stalls.delete(partition)
  }

  /** What was retried is not there any more, will be read anew, or is paused. */
  clear(): void {
    this.#stalls.clear()
  }

  /** Raises the alarms that are due, once for each stall. */
  tell(): void {
    for (const { partition, seconds } of this.due) {
      const stall = this.#stalls.get(partition)!
      if (stall.told) continue
      stall.told = true
      const { at, cause } = stall
      this.#logger.error(
        { alarm: 'inbox-stalled', topic: this.#topic, partition, ...at, cause, seconds },
        'the partition stands still: its batch is tried again and again. What the cause names has to be mended',
      )
    }
  }

  /** Those that have been retried for 15 s. */
  get due(): { partition: number; seconds: number }[] {
    const now = performance.now()
    return [...this.#stalls].flatMap(([partition, { since }]) =>
      now - since < alarmAfterMs ? [] : [{ partition, seconds: Math.floor((now - since) / 1000) }],
    )
  }

  /** Whether it is time to find the record at which one of these stands. */
  toIsolate(partitions: Iterable<number>): boolean {
    const limit = performance.now() - isolateAfterMs
    return [...partitions].some((partition) => (this.#stalls.get(partition)?.since ?? limit) < limit)
  }
}
