import { retry } from '@inorder/storage/retry.ts'
import { isLockTimeout, refusalOf } from '@inorder/storage/sqlstate.ts'
import { transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { KafkaAdmin, TopicLog } from '../kafka/admin.ts'
import { isKafkaFailure } from '../kafka/errors.ts'
import { addAudit } from '../outbox/audit.ts'
import type { Refused } from '../outbox/ops.ts'
import type { LogState } from './log-verdict.ts'
import type { Loss } from './ops.ts'
import { forgetPosition, otherTopics, placePosition, readPositions } from './store.ts'

interface LogCheckOptions {
  pool: Pool
  kafka: KafkaAdmin
  topic: string
  logger: Logger
}

/** The topic was deleted and made again under its name: the stream is of the old one. */
export class TopicReplaced extends Error {
  override readonly name = 'TopicReplaced'
}

const deadlineMs = 3_000
const lockBackoff = { firstMs: 100, longestMs: 1_000 }
const lockDeadlineMs = 20_000

/** The log and the positions side by side, and what an operator may accept of it. */
export class LogCheck {
  readonly #options: LogCheckOptions
  /** Of this topic it was said that it was made again. */
  #toldOf: string | undefined

  constructor(options: LogCheckOptions) {
    this.#options = options
  }

  /** Of a topic that is there no more: the one that took its place, without positions. */
  async state(topicId: string, partitions: Iterable<number>): Promise<LogState> {
    const { pool, kafka, topic } = this.#options
    // Before the log is asked: a position that was read later could be past the end that was asked for earlier.
    const positions = await readPositions(pool, topicId)
    const { id, starts, ends } = await kafka.log(topic, deadlineMs)
    if (id !== topicId) return { topicId: id, starts, ends, positions: new Map() }
    if (positions.size === 0) await this.#tellIfReplaced(id)
    for (const partition of partitions) {
      if (positions.has(partition)) continue
      // At once: what goes before the first batch is committed would not be missed.
      const start = starts[partition] ?? 0n
      await placePosition(pool, { id, name: topic }, partition, start)
      positions.set(partition, start)
    }
    return { topicId, starts, ends, positions }
  }

  /** The log ends below the positions of these partitions, which it therefore moves to its start. */
  async forget({ topicId, starts, ends, positions }: LogState, partitions: readonly number[]): Promise<void> {
    const { pool, topic, logger } = this.#options
    for (const partition of partitions) {
      const [position, end, start] = [positions.get(partition), ends[partition] ?? 0n, starts[partition] ?? 0n]
      await forgetPosition(pool, topicId, partition, { above: end, start })
      logger.error(
        { alarm: 'inbox-log-cut', topic, partition, position, end },
        'the log ends below the position: Kafka has lost records. The partition is read again from its start',
      )
    }
  }

  /**
   * Nothing of this topic is applied yet: if something of another one of its name was, it was made again. Told by the
   * database, because a running reader may meet the deletion in many ways, and one that was stopped not at all.
   */
  async #tellIfReplaced(id: string): Promise<void> {
    const { pool, topic, logger } = this.#options
    const before = await otherTopics(pool, { id, name: topic })
    if (before.length === 0 || this.#toldOf === id) return
    this.#toldOf = id
    logger.error(
      { alarm: 'inbox-topic-replaced', topic, topicId: before.join(', '), now: id },
      'the topic was deleted and made again: it is read from its start, and what was applied already is dropped',
    )
  }

  /** Goes on behind what is gone. */
  async acceptLoss(partition: number, operator: string): Promise<Loss | Refused> {
    const { pool, kafka, topic, logger } = this.#options
    let log: TopicLog
    try {
      log = await kafka.log(topic, deadlineMs)
    } catch (error) {
      if (!isKafkaFailure(error)) throw error
      return { refused: 'kafka-away', detail: 'Kafka does not say what it still holds. Try again.' }
    }
    const { id, starts } = log
    const start = starts[partition] ?? 0n
    const from = (await readPositions(pool, id)).get(partition) ?? start
    if (from >= start)
      return { refused: 'nothing-lost', detail: `Partition ${partition} of ${topic} lacks no records.` }
    const loss = { partition, from: Number(from), to: Number(start) }
    const accept = () =>
      transaction(pool, async (tx) => {
        await placePosition(tx, { id, name: topic }, partition, start)
        const act = { operator, action: 'accept-loss', key: `@${topic}:${partition}` }
        const [before, after] = [{ next: loss.from }, { next: loss.to }]
        await addAudit(tx, 'parking_audit', [{ ...act, before, after, answer: loss }])
      })
    // A batch of the partition that fails again and again holds the position's lock most of the time.
    const onFailure = (error: unknown) => {
      if (!isLockTimeout(error) && refusalOf(error) !== 'time-limit') throw error
    }
    await retry(accept, { ...lockBackoff, deadlineMs: lockDeadlineMs, onFailure })
    logger.warn({ topic, operator, ...loss }, 'the loss of records was accepted')
    return loss
  }
}
