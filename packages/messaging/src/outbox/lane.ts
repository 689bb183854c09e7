// One partition's way out. At most one send is in flight.
//
//   idle --rows were read--> sending --acknowledged--> idle
//                               '----failed----------> resting --some time--> idle
//
// A lane that rests does not hold the others.
import { backoffMs } from '@inorder/storage/retry.ts'
import type { SerialProducer } from '../kafka/producer.ts'
import type { LaneRead, LaneRows, OutboxRow } from './store.ts'

const largestChunk = 512 * 1024
/** Of a lane that Kafka or the registry refuses, or does not answer. Ceilings: a wait is anything below them. */
const backoff = { firstMs: 100, longestMs: 2_000 }
/** More of them would make each read slower than waiting for the deletion does. */
const maxAcknowledged = 256

export class Lane implements LaneRead {
  readonly topic: string
  readonly partition: number
  readonly producer: SerialProducer
  /** Acknowledged, and not known to be deleted. */
  readonly acknowledged = new Set<string>()
  maxBytes = largestChunk
  floor = 0n
  base = 0n
  knownAside: readonly string[] = []
  /** There may be rows that were not read. */
  wanted = true
  /** The last read found nothing. */
  empty = false
  /** Its last send failed: until the next that does not, it is sent by itself, and no other lane suffers from its trouble. */
  alone = false
  failures = 0
  /** Why it rests, or rested last, until something is acknowledged. */
  trouble: Error | undefined
  #state: 'idle' | 'sending' | 'resting' = 'idle'
  #timer: NodeJS.Timeout | undefined

  constructor(topic: string, partition: number, producer: SerialProducer) {
    this.topic = topic
    this.partition = partition
    this.producer = producer
  }

  get idle(): boolean {
    return this.#state === 'idle'
  }

  get resting(): boolean {
    return this.#state === 'resting'
  }

  get readable(): boolean {
    return this.idle && this.wanted && this.acknowledged.size <= maxAcknowledged
  }

  /**
   * Rows were read, by a statement that saw every row up to `complete` that there will ever be: below its first row and
   * this nothing is left to be read. But what is set aside, and what waits behind it, is there again some day: the base
   * stays below these.
   */
  read({ rows, aside }: Pick<LaneRows, 'rows' | 'aside'>, complete: bigint | undefined): void {
    if (complete === undefined) return
    const first = rows[0] && BigInt(rows[0].id)
    this.floor = first !== undefined && first <= complete ? first : complete + 1n
    if (aside.length === 0) this.base = this.floor
    this.knownAside = aside
  }

  sending(): void {
    this.#state = 'sending'
  }

  sent(rows: readonly OutboxRow[]): void {
    for (const row of rows) this.acknowledged.add(row.id)
    this.failures = 0
    this.trouble = undefined
    this.alone = false
    this.maxBytes = Math.min(2 * this.maxBytes, largestChunk)
    this.#state = 'idle'
  }

  /** Rule 9: a chunk that is too large is tried again in halves, down to the one record that is alone too large. */
  halve(rows: readonly OutboxRow[]): void {
    this.maxBytes = Math.max(Math.floor(Math.min(this.maxBytes, bytesOf(rows)) / 2), 1)
    this.again(true)
  }

  /** Calls `onBackedOff` when it may be read again; later from failure to failure. */
  rest(error: Error, onBackedOff: () => void): void {
    this.trouble = error
    this.alone = true
    this.#state = 'resting'
    this.#timer = setTimeout(
      () => {
        this.again()
        onBackedOff()
      },
      backoffMs(++this.failures, backoff),
    )
  }

  /** Reads once more what was not sent. */
  again(alone = this.alone): void {
    this.alone = alone
    this.#state = 'idle'
    this.wanted = true
  }

  /** Ends a rest early. */
  hurry(): void {
    clearTimeout(this.#timer)
    if (this.resting) this.again()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.producer.close()
  }
}

export const bytesOf = (rows: readonly OutboxRow[]): number => rows.reduce((sum, row) => sum + row.bytes, 0)
