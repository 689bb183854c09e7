import { transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { KafkaAdmin, TopicLog } from '../kafka/admin.ts'
import { KafkaAway, KafkaRefused } from '../kafka/errors.ts'
import type { Refused } from '../outbox/ops.ts'
import { addLoss } from './audit.ts'
import type { Loss } from './ops.ts'
import { forgetPosition, otherTopics, placePosition, readPositions } from './store.ts'

export interface LogCheckOptions {
  pool: Pool
  kafka: KafkaAdmin
  topic: string
  logger: Logger
}

/** Where each of these partitions has to be read from. */
export interface Standing {
  readonly right: ReadonlyMap<number, bigint>
  /** Records above the position are gone: nothing of the partition is applied until somebody accepts that. */
  readonly lost: ReadonlySet<number>
  /** The log ended below a position, which is at the start of the log now. */
  readonly cut: boolean
  /** By partition, where the log ends. */
  readonly ends: readonly bigint[]
  /** How many the topic has. */
  readonly partitions: number
}

/** The topic was deleted and made again under its name: the stream is of the old one. */
export class TopicReplaced extends Error {
  override readonly name = 'TopicReplaced'
}

const deadlineMs = 3_000

/** Rule 19: holds the positions against the log, and puts right what can be put right without an operator. */
export class LogCheck {
  readonly #options: LogCheckOptions
  /** Of this topic it was said that it was made again. */
  #toldOf: string | undefined

  constructor(options: LogCheckOptions) {
    this.#options = options
  }

  async standing(topicId: string, partitions: Iterable<number>): Promise<Standing> {
    const { pool, kafka, topic, logger } = this.#options
    // Before the log is asked: a position that was read later could be past the end that was asked for earlier.
    const positions = await readPositions(pool, topicId)
    const { id, starts, ends } = await kafka.log(topic, deadlineMs)
    if (id !== topicId) throw new TopicReplaced(`${topic} was ${topicId}, and is ${id}`)
    if (positions.size === 0) await this.#tellIfReplaced(id)
    const right = new Map<number, bigint>()
    const lost = new Set<number>()
    let cut = false
    for (const partition of partitions) {
      const position = positions.get(partition)
      const start = starts[partition] ?? 0n
      const end = ends[partition] ?? 0n
      right.set(partition, position ?? start)
      // At once: what goes before the first batch is committed would not be missed.
      if (position === undefined) await placePosition(pool, { id, name: topic }, partition, start)
      else if (position < start) {
        right.set(partition, start)
        lost.add(partition)
      } else if (position > end) {
        await forgetPosition(pool, topicId, partition, { above: end, start })
        logger.error(
          { alarm: 'inbox-log-cut', topic, partition, position, end },
          'the log ends below the position: Kafka has lost records. The partition is read again from its start',
        )
        right.set(partition, start)
        cut = true
      }
    }
    return { right, lost, cut, ends, partitions: starts.length }
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
      if (!(error instanceof KafkaAway || error instanceof KafkaRefused)) throw error
      return { refused: 'kafka-away', detail: 'Kafka does not say what it still holds. Try again.' }
    }
    const { id, starts } = log
    const start = starts[partition] ?? 0n
    const from = (await readPositions(pool, id)).get(partition) ?? start
    if (from >= start)
      return { refused: 'nothing-lost', detail: `Partition ${partition} of ${topic} lacks no records.` }
    const loss = { partition, from: Number(from), to: Number(start) }
    await transaction(pool, async (tx) => {
      await placePosition(tx, { id, name: topic }, partition, start)
      await addLoss(tx, operator, topic, loss)
    })
    logger.warn({ topic, operator, ...loss }, 'the loss of records was accepted')
    return loss
  }
}
