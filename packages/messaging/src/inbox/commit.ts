// Rule 17: what a batch cannot save is found by running less of it.
//
//   the whole batch -> committed
//     |  a record is refused, or the time limit is over
//   each partition by itself, in pieces -> committed, piece by piece
//     |  data: one by one under savepoints, which parks what is refused
//     |  time limit: half of the records, down to one
//     |  unclear: one by one; the one that fails, alone; parked if that is its own fault (suspects.ts)
//   stuck: the partition stands at this record, and is tried again; the others go on
import { refusalOf, sqlState } from '@inorder/storage/sqlstate.ts'
import type { Pool } from 'pg'
import { placeName } from '../kafka/event.ts'
import type { BatchContext, Search } from './apply.ts'
import { type Batch, type BatchResult, commitBatch } from './batch.ts'
import { byPartition, cut } from './batch-parts.ts'
import type { Entry } from './key-state.ts'
import { Suspects } from './suspects.ts'
import { Witness } from './witness.ts'

/** The partition stands at this record. */
interface Stuck<Event> {
  readonly partition: number
  /** Undefined: not one record's doing, as far as is known. */
  readonly entry: Entry<Event> | undefined
  readonly error: unknown
}

/** Some partitions of a batch could not be committed; all others are. */
export class PartitionsStuck<Event> extends Error {
  override readonly name = 'PartitionsStuck'
  readonly stuck: readonly Stuck<Event>[]

  constructor(stuck: readonly Stuck<Event>[]) {
    const [first] = stuck
    super(first?.error instanceof Error ? first.error.message : String(first?.error), { cause: first?.error })
    this.stuck = stuck
  }
}

/** One by one takes four statements an event: a transaction of more would meet its deadline on a slow day, for ever. */
const mostOneByOne = 50

type OnCommitted<State, Event> = (result: BatchResult<State, Event>) => void

/** Commits batches, and remembers between tries what may be wrong with a record. */
export class Committer<State, Event> {
  readonly #pool: Pool
  readonly #context: BatchContext<State, Event>
  readonly #witness: Witness<State, Event>
  readonly #suspects = new Suspects()
  /** Records of a transaction: halved by each time limit, doubled by each transaction that keeps it. */
  #most = Number.POSITIVE_INFINITY

  constructor(pool: Pool, context: BatchContext<State, Event>) {
    this.#pool = pool
    this.#context = context
    this.#witness = new Witness(pool, context)
  }

  /**
   * What `onCommitted` was not told of is not stored when it throws. `isolate`: find the record at which a partition
   * stands also where no record can be to blame, so that the others go on.
   */
  async commit(batch: Batch<Event>, onCommitted: OnCommitted<State, Event>, isolate = false): Promise<void> {
    const told: OnCommitted<State, Event> = (result) => {
      for (const partition of result.positions.keys()) this.#suspects.moved(partition)
      this.#witness.remember(result)
      onCommitted(result)
    }
    const parts = [...batch.spans.keys()]
    if (!isolate && batch.entries.length <= this.#most && !parts.some((partition) => this.#suspects.has(partition))) {
      try {
        told(await this.#run(batch, false))
        this.#most *= 2
        return
      } catch (error) {
        this.#mindTime(error, batch)
        if (!isSaid(error) || refusalOf(error) === 'outage') throw error
      }
    }
    const stuck: Stuck<Event>[] = []
    for (const part of byPartition(batch)) {
      const at = await this.#commitPart(part, told, isolate)
      if (at) stuck.push(at)
    }
    if (stuck.length > 0) throw new PartitionsStuck(stuck)
  }

  /** Of one partition, as far as it goes. Gives where it is stuck. */
  async #commitPart(
    part: Batch<Event>,
    onCommitted: OnCommitted<State, Event>,
    isolate: boolean,
  ): Promise<Stuck<Event> | undefined> {
    const [partition] = part.spans.keys()
    let oneByOne = isolate || this.#suspects.has(partition!)
    let limit = Number.POSITIVE_INFINITY
    for (let rest: Batch<Event> | undefined = part; rest; ) {
      const [head, tail]: ReturnType<typeof cut<Event>> = cut(
        rest,
        Math.min(limit, this.#most, oneByOne ? mostOneByOne : Number.POSITIVE_INFINITY),
      )
      const search: Search<Event> = { verdicts: this.#suspects.verdicts }
      const size = head.entries.length
      try {
        onCommitted(await this.#run(head, oneByOne, search))
        if (size === this.#most) this.#most *= 2
        limit = Number.POSITIVE_INFINITY
        rest = tail
      } catch (error) {
        this.#mindTime(error, head)
        const refusal = refusalOf(error)
        if (!isSaid(error) || (refusal === 'outage' && !isolate)) throw error
        if (refusal === 'time-limit' && size > 1) continue
        if (refusal !== 'time-limit' && !oneByOne) {
          oneByOne = true
          continue
        }
        // One of several: the ones before it first, then it alone.
        if (size > 1) {
          const at = search.trying ? head.entries.indexOf(search.trying.arriving) : -1
          limit = at > 0 ? at : at === 0 ? 1 : Math.ceil(size / 2)
          continue
        }
        const guilty = search.trying?.record ?? head.entries[0]
        const isItsOwn = refusal === 'unclear' && guilty && (await this.#isItsOwn(partition!, guilty, error, part))
        if (!isItsOwn) return { partition: partition!, entry: guilty, error }
      }
    }
    return undefined
  }

  async #isItsOwn(partition: number, guilty: Entry<Event>, error: unknown, part: Batch<Event>): Promise<boolean> {
    const othersSucceed = await this.#witness.othersSucceed(guilty, error, part.entries)
    return this.#suspects.failed(partition, placeName(guilty.topicId, guilty), error, othersSucceed)
  }

  #run(part: Batch<Event>, oneByOne: boolean, search?: Search<Event>): Promise<BatchResult<State, Event>> {
    return commitBatch(this.#pool, part, this.#context, oneByOne, search)
  }

  #mindTime(error: unknown, { entries }: Batch<Event>): void {
    if (refusalOf(error) === 'time-limit') this.#most = Math.max(1, Math.floor(entries.length / 2))
  }
}

/** Whether there is an answer at all. Where the server is frozen, asking for less at once would only take long. */
const isSaid = (error: unknown) => sqlState(error) !== undefined || refusalOf(error) === 'unclear'
