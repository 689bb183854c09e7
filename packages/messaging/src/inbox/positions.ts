// How far each partition is applied, and how far its log goes: as the database and Kafka say it of all partitions, whoever has
// them. (What a member knows of its own without asking is its lag, in lag.ts.)
import type { Pool } from 'pg'
import type { KafkaAdmin } from '../kafka/admin.ts'
import { isKafkaFailure } from '../kafka/errors.ts'
import type { PartitionPosition } from './ops.ts'
import type { Reader } from './reader.ts'
import { shownPositions } from './store.ts'

interface PositionsOptions {
  pool: Pool
  kafka: Pick<KafkaAdmin, 'ends' | 'owners'>
  topic: string
  group: string
  reader: Pick<Reader<never, never>, 'topicId' | 'stalled'>
}

const deadlineMs = 1_000

export class Positions {
  readonly #options: PositionsOptions

  constructor(options: PositionsOptions) {
    this.#options = options
  }

  /** For a service's own answers. */
  async read(): Promise<Omit<PartitionPosition, 'owner' | 'stalledSeconds'>[]> {
    const { pool, topic, reader } = this.#options
    const { topicId } = reader
    // Before the log is asked: a position that was read later could be past the end that was asked for earlier.
    const next = await shownPositions(pool, topic, topicId)
    const ends = await this.#ends(topicId)
    const partitions = new Set([...next.keys(), ...ends.keys()])
    return [...partitions]
      .sort((a, b) => a - b)
      .map((partition) => {
        const applied = Number(next.get(partition) ?? 0n)
        const end = Number(ends[partition] ?? -1n)
        // An end below the position is another log's, or that of one that was cut: how far this one goes is unknown.
        const isKnown = end >= applied
        return { partition, next: applied, end: isKnown ? end : null, lag: isKnown ? end - applied : null }
      })
  }

  /** For an operator: also who has each partition, and for how long it has stood still here. */
  async shown(): Promise<PartitionPosition[]> {
    const { kafka, topic, group, reader } = this.#options
    const [positions, owners] = await Promise.all([
      this.read(),
      answerOr(new Map<number, string>(), kafka.owners(group, topic, deadlineMs)),
    ])
    const stalled = new Map(reader.stalled.map(({ partition, seconds }) => [partition, seconds]))
    return positions.map((position) => ({
      ...position,
      owner: owners.get(position.partition) ?? null,
      stalledSeconds: stalled.get(position.partition) ?? null,
    }))
  }

  /** Of the topic that is read; none while Kafka does not answer, or when the topic was made again under its name. */
  async #ends(topicId: string | undefined): Promise<bigint[]> {
    const { kafka, topic } = this.#options
    const unknown = { id: undefined, ends: [] }
    const { id, ends } = await answerOr<{ id: string | undefined; ends: bigint[] }>(
      unknown,
      kafka.ends(topic, deadlineMs),
    )
    return id === topicId ? ends : []
  }
}

/** What is known without Kafka, where it does not answer. */
async function answerOr<Answer>(unknown: Answer, asking: Promise<Answer>): Promise<Answer> {
  try {
    return await asking
  } catch (error) {
    if (!isKafkaFailure(error)) throw error
    return unknown
  }
}
