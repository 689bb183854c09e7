import { sleep } from '@inorder/storage/retry.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import { KafkaRefused, TopicMissing } from '../kafka/errors.ts'
import { CompleteIds } from './complete-ids.ts'
import { Lanes, type LanesOptions } from './lanes.ts'
import { confirmPause, isToPause } from './pause.ts'
import type { ComparedLog } from './recovery.ts'
import { declareTopic, measure, readTopics, relane } from './store.ts'

export interface PublisherOptions extends LanesOptions {
  topics: readonly string[]
}

const tickMs = 1_000
const soonMs = 50
const probeDeadlineMs = 1_500
const ticksBetweenMeasures = 5
/** As long as a transaction that adds to the outbox may keep still. */
const learnDeadlineMs = 2_000

/** What the leading instance does: keeps the lanes as Kafka's partitions are, and asks each second whether Kafka is there. */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #kafka: KafkaAdmin
  #lanes: Lanes | undefined
  #measuring: Promise<void> | undefined
  log: ComparedLog | undefined

  constructor(options: PublisherOptions) {
    this.#options = options
    const { brokers, clientId } = options.cluster
    this.#kafka = new KafkaAdmin({ brokers, clientId: `${clientId}-admin` })
  }

  /** There may be new rows. False: this instance does not publish. */
  wake(): boolean {
    this.#lanes?.wake()
    return this.#lanes !== undefined
  }

  /** Another database has taken the place of ours: nothing of it is sent before it was compared with the log. */
  swapped(): void {
    this.#lanes?.stop()
  }

  /** Rows are deleted. */
  deleted(): void {
    this.#lanes?.deleted()
  }

  /** Publishes until `lost` (at once: somebody else leads) or `closing` (what is in flight is waited for). */
  async lead(lost: AbortSignal, closing: AbortSignal): Promise<void> {
    const { metrics, logger, circuit } = this.#options
    const ended = AbortSignal.any([lost, closing])
    lost.addEventListener('abort', () => this.#lanes?.abort())
    metrics.leads.set(1)
    for (let tick = 0; !ended.aborted; tick++) {
      const began = performance.now()
      let pauseMs = tickMs
      try {
        // What Kafka's first answer brings about is looked at soon.
        if ((await this.#tick()) && this.#options.circuit.unavailable) pauseMs = soonMs
        if (tick % ticksBetweenMeasures === 0) this.#measure()
      } catch (error) {
        if (!ended.aborted) {
          logger.warn({ cause: (error as Error).message }, 'the outbox cannot be published')
          // Nobody may wait for what does not come.
          if (!this.#lanes) circuit.open(error as Error)
        }
      }
      await sleep(Math.max(began + pauseMs - performance.now(), 0), ended)
    }
    await this.#lanes?.finish()
    // So that the next start has nothing to read.
    if (!lost.aborted && this.#lanes && this.log && !circuit.unavailable) {
      const ends = this.#kafka.probe(this.log.topicName, probeDeadlineMs).then((log) => this.#saveEnds(log))
      await ends.catch((error) => logger.debug({ err: error }, 'the positions in the log were not saved'))
    }
    this.#lanes = undefined
    await this.#kafka.close()
    metrics.leads.set(0)
  }

  /** Says whether Kafka is ready to take events. */
  async #tick(): Promise<boolean> {
    const { circuit } = this.#options
    if (await this.#paused()) return false
    this.#lanes?.wake()
    const trouble = await this.#probe()
    if (trouble) {
      // An event that Kafka took meanwhile says more than a question it did not answer.
      const taken = this.#lanes !== undefined && performance.now() - this.#lanes.lastAcknowledged < tickMs
      if (!taken) circuit.open(trouble)
    } else if (circuit.unavailable) {
      this.#lanes?.hurry()
      if (this.#lanes?.quiet) circuit.close()
    }
    return !trouble
  }

  /** Rule 23: nothing is published while partitions are raised. */
  async #paused(): Promise<boolean> {
    const { pool, circuit, logger } = this.#options
    if (!(await isToPause(pool))) return false
    await this.#lanes?.finish()
    this.#lanes = undefined
    if (await confirmPause(pool)) logger.warn('publishing is paused, because partitions are being raised')
    circuit.open(new Error('publishing is paused'))
    return true
  }

  async #saveEnds(log: { id: string; ends: bigint[]; ready: boolean }): Promise<void> {
    if (log.ready) await this.log?.published(log)
  }

  /** Asks about each topic, and keeps the lanes as the partitions are. Returns why Kafka would not take an event. */
  async #probe(): Promise<Error | undefined> {
    const { topics } = this.#options
    const partitions = new Map<string, number>()
    let trouble: Error | undefined
    const answers = await Promise.allSettled(topics.map((topic) => this.#kafka.probe(topic, probeDeadlineMs)))
    for (const [i, answer] of answers.entries()) {
      const topic = topics[i]!
      if (answer.status === 'rejected') {
        // One missing topic of several is a trouble of its lanes.
        if (!(answer.reason instanceof TopicMissing) || topics.length === 1) trouble = answer.reason
      } else {
        partitions.set(topic, answer.value.partitions)
        if (!answer.value.ready) trouble = new KafkaRefused(`${topic} has a partition that takes nothing now`)
      }
    }
    if (partitions.size > 0) await this.#laneBy(partitions)
    const log = answers[topics.indexOf(this.log?.topicName ?? '')]
    if (log?.status === 'fulfilled') await this.#saveEnds(log.value)
    return trouble
  }

  /** Makes the lanes at the start, and anew when Kafka has other partitions than the rows were spread over. */
  async #laneBy(seen: ReadonlyMap<string, number>): Promise<void> {
    const { pool, maintenance, topics, logger } = this.#options
    const isSame = this.#lanes?.stopped === false
    if (isSame && [...seen].every(([topic, count]) => this.#lanes?.partitions.get(topic) === count)) return
    await this.#lanes?.finish()
    this.#lanes = undefined
    await this.log?.catchUp()
    const declared = await readTopics(pool)
    const partitions = new Map(topics.map((topic) => [topic, seen.get(topic) ?? declared.get(topic) ?? 1]))
    for (const [topic, count] of partitions) {
      if (declared.get(topic) !== count) {
        logger.warn({ topic, partitions: count, before: declared.get(topic) }, 'rows of the outbox get other lanes')
        await declareTopic(pool, topic, count)
      }
      await relane(maintenance, topic, count)
    }
    const complete = new CompleteIds(pool, logger)
    await complete.learn(learnDeadlineMs)
    this.#lanes = new Lanes(this.#options, complete, partitions)
    this.#lanes.wake()
  }

  /** Beside the rest: it takes long where much waits. */
  #measure(): void {
    this.#measuring ??= this.#setGauges().finally(() => {
      this.#measuring = undefined
    })
  }

  async #setGauges(): Promise<void> {
    const { maintenance, metrics, logger } = this.#options
    try {
      const { waiting, oldest, aside } = await measure(maintenance, this.#lanes?.bases ?? (await this.#declaredLanes()))
      metrics.waiting.set(waiting)
      metrics.oldest.set(oldest)
      metrics.setAside.set(aside)
    } catch (error) {
      logger.debug({ cause: (error as Error).message }, 'the outbox was not measured')
    }
  }

  async #declaredLanes() {
    const declared = await readTopics(this.#options.pool)
    return [...declared].flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, partition) => ({ topic, partition, base: 0n })),
    )
  }
}
