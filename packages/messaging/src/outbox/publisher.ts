import { sleep } from '@inorder/storage/retry.ts'
import { isDenial } from '../kafka/access-denied.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import { KafkaRefused, TopicMissing } from '../kafka/errors.ts'
import type { SchemaRegistry } from '../kafka/registry.ts'
import { CompleteIds } from './complete-ids.ts'
import { type DatabaseRun, NotCompared } from './database-run.ts'
import { Deletions } from './deletions.ts'
import { LaneTable } from './lane-table.ts'
import { Lanes, type LanesOptions } from './lanes.ts'
import type { ComparedLog } from './log-recovery.ts'
import { confirmPause, isToPause } from './relay-pause.ts'
import { SchemaIds } from './schemas.ts'
import {
  declareTopic,
  measure,
  type OutboxRow,
  readTopics,
  relane,
  shrinkIfEmpty,
  vacuumIfDue,
  type Waiting,
} from './store.ts'

interface PublisherOptions extends Omit<LanesOptions, 'schemas' | 'deletions' | 'complete'> {
  registry: SchemaRegistry
  topics: readonly { name: string }[]
  run: DatabaseRun
  onDeleted(rows: readonly OutboxRow[]): void
}

const tickMs = 1_000
const soonMs = 50
const probeDeadlineMs = 1_500
const ticksBetweenUpkeeps = 5
/** As long as a transaction that adds to the outbox may keep still. */
const learnDeadlineMs = 2_000

/** What the leading instance does: keeps the lanes as Kafka's partitions are, and asks each second whether Kafka is there. */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #kafka: KafkaAdmin
  /** What all lanes share, one after the other. */
  readonly #parts: Pick<LanesOptions, 'schemas' | 'deletions'>
  /** Others know nothing of what was committed before. Undefined: nothing is published now. */
  lanes: Lanes | undefined
  log: ComparedLog | undefined
  #keepsUp = false
  /** Dead rows that the last vacuum had to leave. */
  #left = 0

  /** Lanes that still send: those of a term that was lost are there until it has ended. */
  get open(): Lanes | undefined {
    return this.lanes?.table.dropped ? undefined : this.lanes
  }

  constructor(options: PublisherOptions) {
    const { brokers, access, instance, pool, registry, logger, onDeleted } = options
    this.#options = options
    this.#kafka = new KafkaAdmin({ brokers, access, clientId: `${instance}-relay-admin` })
    const deletions = new Deletions(pool, logger, (chunks) => {
      this.lanes?.tell({ type: 'deleted', chunks })
      onDeleted(chunks.flatMap(({ rows }) => rows))
    })
    this.#parts = { schemas: new SchemaIds(pool, registry), deletions }
  }

  /** Publishes until `lost` (at once: somebody else leads) or `closing` (what is in flight is waited for). */
  async lead(lost: AbortSignal, closing: AbortSignal): Promise<void> {
    const { metrics, logger, circuit } = this.#options
    const ended = AbortSignal.any([lost, closing])
    lost.addEventListener('abort', () => this.lanes?.abort())
    metrics.leads.set(1)
    for (let tick = 0; !ended.aborted; tick++) {
      const began = performance.now()
      let pauseMs = tickMs
      try {
        // What Kafka's first answer brings about is looked at soon.
        if ((await this.#tick(ended)) && circuit.unavailable) pauseMs = soonMs
        if (tick % ticksBetweenUpkeeps === 0) void this.#keepUp()
      } catch (error) {
        if (!ended.aborted) {
          // Of what is denied there is an alarm.
          logger[isDenial(error) ? 'debug' : 'warn'](
            { cause: (error as Error).message },
            'the outbox cannot be published',
          )
          // Nobody may wait for what does not come.
          if (!this.lanes) circuit.open(error as Error)
        }
      }
      await sleep(Math.max(began + pauseMs - performance.now(), 0), ended)
    }
    await this.lanes?.finish()
    // So that the next start has nothing to read.
    if (!lost.aborted && this.lanes && this.log && !circuit.unavailable) {
      const ends = this.#kafka.probe(this.log.topicName, probeDeadlineMs)
      const saved = ends.then((log) => (log.ready ? this.log?.published(log) : undefined))
      await saved.catch((error) => logger.debug({ err: error }, 'the positions in the log were not saved'))
    }
    this.lanes = undefined
    this.#parts.deletions.stop()
    await this.#kafka.close()
    metrics.leads.set(0)
  }

  /** Says whether Kafka is ready to take events. */
  async #tick(ended: AbortSignal): Promise<boolean> {
    const { circuit } = this.#options
    if (await this.#paused()) return false
    this.lanes?.tell({ type: 'woken' })
    const trouble = await this.#probe(ended)
    if (trouble) {
      // An event that Kafka took meanwhile says more than a question it did not answer.
      const taken = this.lanes !== undefined && performance.now() - this.lanes.lastAcknowledged < tickMs
      if (!taken) circuit.open(trouble)
    } else if (circuit.unavailable) {
      this.lanes?.tell({ type: 'Kafka answers again' })
      if (this.lanes?.table.quiet) circuit.close()
    }
    return !trouble
  }

  /** Rule 23: nothing is published while partitions are raised. */
  async #paused(): Promise<boolean> {
    const { pool, circuit, logger } = this.#options
    if (!(await isToPause(pool))) return false
    await this.lanes?.finish()
    this.lanes = undefined
    if (await confirmPause(pool)) logger.warn('publishing is paused, because partitions are being raised')
    circuit.open(new Error('publishing is paused'))
    return true
  }

  /** Asks about each topic, and keeps the lanes as the partitions are. Returns why Kafka would not take an event. */
  async #probe(ended: AbortSignal): Promise<Error | undefined> {
    const { topics } = this.#options
    const partitions = new Map<string, number>()
    let trouble: Error | undefined
    const answers = await Promise.allSettled(topics.map(({ name }) => this.#kafka.probe(name, probeDeadlineMs)))
    for (const [i, answer] of answers.entries()) {
      const topic = topics[i]!.name
      if (answer.status === 'rejected') {
        // One missing topic of several is a trouble of its lanes.
        if (!(answer.reason instanceof TopicMissing) || topics.length === 1) trouble = answer.reason
      } else {
        partitions.set(topic, answer.value.partitions)
        if (!answer.value.ready) trouble = new KafkaRefused(`${topic} has a partition that takes nothing now`)
      }
    }
    if (partitions.size > 0) await this.#laneBy(partitions, ended)
    const log = answers[topics.findIndex(({ name }) => name === this.log?.topicName)]
    if (log?.status === 'fulfilled' && log.value.ready) await this.log?.published(log.value)
    return trouble
  }

  /** Makes the lanes at the start, and anew when Kafka has other partitions than the rows were spread over. */
  async #laneBy(seen: ReadonlyMap<string, number>, ended: AbortSignal): Promise<void> {
    const { pool, maintenance, topics, run, logger } = this.#options
    const isSame = this.lanes?.table.dropped === false
    if (isSame && [...seen].every(([topic, count]) => this.lanes?.table.partitions.get(topic) === count)) return
    await this.lanes?.finish()
    this.lanes = undefined
    await this.log?.catchUp()
    const { compared } = run
    const declared = await readTopics(pool)
    const partitions = new Map(topics.map(({ name }) => [name, seen.get(name) ?? declared.get(name) ?? 1]))
    for (const [topic, count] of partitions) {
      if (declared.get(topic) !== count) {
        logger.warn({ topic, partitions: count, before: declared.get(topic) }, 'rows of the outbox get other lanes')
        await declareTopic(pool, topic, count)
      }
      await relane(maintenance, topic, count)
    }
    const complete = new CompleteIds(pool, logger)
    await complete.learn(learnDeadlineMs)
    // All that took its time, and what waits in another database was not compared with the log.
    if (this.log && (compared === undefined || run.compared !== compared))
      throw new NotCompared('another database has come while lanes were made for the one before')
    if (ended.aborted) return
    this.lanes = new Lanes({ ...this.#options, ...this.#parts, complete }, partitions)
    this.lanes?.tell({ type: 'woken' })
  }

  /** In an instance that does not publish as well. */
  async measure(): Promise<Waiting> {
    const { pool, maintenance } = this.#options
    const { lanes } = this.lanes?.table ?? new LaneTable(await readTopics(pool))
    return measure(maintenance, lanes)
  }

  /** The table's size. Beside all else, as it takes long where much waits. */
  async #keepUp(): Promise<void> {
    const { maintenance, metrics, logger } = this.#options
    if (this.#keepsUp) return
    this.#keepsUp = true
    try {
      const stored = await metrics.stored()
      this.#left = await vacuumIfDue(maintenance, this.#left)
      if (stored?.waiting === 0) await shrinkIfEmpty(maintenance)
    } catch (error) {
      logger.debug({ cause: (error as Error).message }, 'the outbox was not vacuumed')
    }
    this.#keepsUp = false
  }
}
