// Rules 9, 10 and 24: what the lanes of a leader do next. Pure: events come in, commands go out, lanes.ts carries them out.
// More than 250 lines, as whoever asks what a lane does next wants the whole table.
//
//         .--- wanted: the table may hold rows that were not read ---> reading ---nothing found---> idle
//         |                                                               | rows found
//   idle -+--- this process has committed rows: its memory ------------> sending ---acknowledged---> idle
//                                                                         | failed: memory is dropped
//        idle, wanted <--some time, or Kafka answers again--- backoff
//
// A send that times out (`unavailable`): nobody knows whether Kafka has its rows, or gets them yet, so none of them counts as
// delivered and none is deleted. All lanes of that send drop their memory and keep still for a while (backoff); the others go
// on. Then each reads the table, from its first row that is not acknowledged, and shares no send until one of its own is
// acknowledged. The log may then hold a run of rows more than once, but the first occurrences of a key ascend (rule 10).
// A send of several lanes that Kafka refuses: each is read and sent by itself at once, as one may be to blame for all.
// A chunk that is too large is halved, down to the record that is too large by itself: that one is set aside.
import type { AddedRow } from './outbox.ts'
import { type LaneRows, maxRows, type OutboxRow } from './store.ts'

/** `unavailable`: not reached, or no answer in time, so that Kafka may have the rows all the same. */
export type Failure = 'unavailable' | 'refused' | 'too large'

export type Event =
  /** The table may hold rows that were not read. */
  | { type: 'woken' }
  /** Each 100 ms: rows of other instances must not wait for ever behind what goes out from memory. */
  | { type: 'look' }
  /** By this process. */
  | { type: 'committed'; rows: readonly AddedRow[] }
  /** By a statement that was sent when all rows up to `complete` were committed or never would be. */
  | { type: 'read'; lanes: readonly Lane[]; found: readonly LaneRows[]; complete: bigint | undefined }
  | { type: 'not read'; lanes: readonly Lane[] }
  | { type: 'acknowledged' | 'deleted'; chunks: readonly Chunk[] }
  | { type: 'failed'; chunks: readonly Chunk[]; failure: Failure; cause: string }
  /** It has backed off after so many failures, or its first row is set aside. */
  | { type: 'retry'; lane: Lane; failures: number }
  | { type: 'Kafka answers again' }
  /** Leadership is lost, publishing paused, the database swapped, or partitions are others now: nothing more is sent. */
  | { type: 'dropped' }

export type Command =
  | { do: 'read'; lanes: readonly Lane[] }
  /** In one request. */
  | { do: 'send'; chunks: readonly Chunk[] }
  /** Its one row; then `retry`. */
  | { do: 'set aside'; chunk: Chunk; cause: string }
  /** For longer from failure to failure; then `retry`. */
  | { do: 'back off'; lane: Lane; failures: number; cause: string }

export type Chunk = Readonly<{ lane: Lane; rows: readonly OutboxRow[] }>

const largestChunk = 512 * 1024
/** Of all queues; what is over it waits in the table. */
const largestMemory = 8 * 1024 * 1024
/** More of them would make a read slower than waiting for their deletion is. */
const mostAcknowledged = 256

/** One partition's way out, with at most one send in flight. */
export type Lane = ReturnType<typeof newLane>
const newLane = (topic: string, partition: number) => ({
  topic,
  partition,
  state: 'idle' as 'idle' | 'reading' | 'sending' | 'backoff',
  /** It is read before it sends anything. */
  wanted: true,
  /** It has sent something since it was read. */
  unread: false,
  /** The last read left nothing in the table but what is set aside, and no send has failed since. */
  caughtUp: false,
  /** What goes out next: rows of the last read, then those that were committed since. */
  queue: [] as OutboxRow[],
  /** Of the queue. */
  bytes: 0,
  /** Events of the queue, and in flight. */
  ahead: new Set<string>(),
  /** Events that Kafka has acknowledged and that are not known to be deleted. */
  acknowledged: new Set<string>(),
  /** Of the last failure, while nothing was acknowledged since: it shares no request. */
  trouble: undefined as Failure | undefined,
  /** That made it back off. */
  failures: 0,
  maxBytes: largestChunk,
  floor: 0n,
  base: 0n,
  knownAside: [] as readonly string[],
})

export class LaneTable {
  /** How many each topic has. */
  readonly partitions: ReadonlyMap<string, number>
  readonly lanes: readonly Lane[]
  dropped = false
  readonly #byTopic: ReadonlyMap<string, readonly Lane[]>
  #reading = false

  constructor(partitions: ReadonlyMap<string, number>) {
    this.partitions = partitions
    const lanesOf = (topic: string, count: number) => Array.from({ length: count }, (_, n) => newLane(topic, n))
    this.#byTopic = new Map([...partitions].map(([topic, count]) => [topic, lanesOf(topic, count)]))
    this.lanes = [...this.#byTopic.values()].flat()
  }

  /** Nothing that Kafka could take waits: all is published, or waits for another reason than Kafka's absence. */
  get quiet(): boolean {
    return this.lanes.every(({ trouble, state, caughtUp, queue }) =>
      trouble ? trouble !== 'unavailable' : state !== 'sending' && caughtUp && queue.length === 0,
    )
  }

  on(event: Event): Command[] {
    if (event.type === 'dropped') this.dropped = true
    return this.dropped ? [] : [...this.#follow(event), ...this.#next()]
  }

  #follow(event: Event): Command[] {
    switch (event.type) {
      case 'woken':
      case 'look':
        for (const lane of this.lanes) lane.wanted ||= event.type === 'woken' || lane.unread
        break
      case 'committed':
        this.#remember(event.rows)
        break
      case 'read':
        this.#reading = false
        for (const [i, lane] of event.lanes.entries()) found(lane, event.found[i]!, event.complete)
        // At once: a lane that is woken again and again would otherwise only be read.
        return send(event.lanes)
      case 'not read':
        this.#reading = false
        for (const lane of event.lanes) readAgain(lane)
        break
      case 'acknowledged':
        for (const chunk of event.chunks) acknowledged(chunk)
        break
      case 'deleted':
        for (const { lane, rows } of event.chunks) for (const { eventId } of rows) lane.acknowledged.delete(eventId)
        break
      case 'failed':
        return event.chunks.flatMap((chunk) => failed(chunk, event))
      case 'retry':
        if (event.lane.state === 'backoff' && event.lane.failures === event.failures) readAgain(event.lane)
        break
      case 'Kafka answers again':
        for (const lane of this.lanes) if (lane.state === 'backoff' && lane.trouble === 'unavailable') readAgain(lane)
    }
    return []
  }

  /** Rule 24: a row is queued if what comes before it is out, or will be by then. */
  #remember(rows: readonly AddedRow[]): void {
    let bytes = this.lanes.reduce((sum, lane) => sum + lane.bytes, 0)
    for (const row of rows) {
      const { eventId, topic, hash, after } = row
      const lanes = this.#byTopic.get(topic)
      const lane = lanes?.[hash % lanes.length]
      // A read may be faster than the answer to the commit.
      if (!lane || lane.ahead.has(eventId)) continue
      const isNext = after === null || lane.ahead.has(after) || lane.acknowledged.has(after)
      if (lane.caughtUp && lane.knownAside.length === 0 && isNext && bytes + row.bytes <= largestMemory) {
        lane.queue.push(row)
        lane.ahead.add(eventId)
        lane.bytes += row.bytes
        bytes += row.bytes
      } else lane.wanted = true
    }
  }

  #next(): Command[] {
    const idle = this.lanes.filter(({ state }) => state === 'idle')
    const commands = send(idle.filter(({ wanted }) => !wanted))
    const isDue = ({ wanted, acknowledged }: Lane) => wanted && acknowledged.size <= mostAcknowledged
    const lanes = this.#reading ? [] : idle.filter(isDue)
    if (lanes.length === 0) return commands
    this.#reading = true
    for (const lane of lanes) become(lane, { state: 'reading', wanted: false })
    return [...commands, { do: 'read', lanes }]
  }
}

/** Lanes share requests of about a chunk's size, but for those in trouble. */
function send(lanes: readonly Lane[]): Command[] {
  const requests: Chunk[][] = []
  let room = 0
  for (const lane of lanes.filter(({ queue }) => queue.length > 0)) {
    const chunk = take(lane)
    if (lane.trouble) requests.unshift([chunk])
    else {
      if (room <= 0) {
        requests.push([])
        room = largestChunk
      }
      requests.at(-1)!.push(chunk)
      room -= bytesOf(chunk.rows)
    }
  }
  return requests.map((chunks) => ({ do: 'send', chunks }))
}

/** The first of its queue, at least one row. */
function take(lane: Lane): Chunk {
  let bytes = lane.queue[0]!.bytes
  let count = 1
  for (; count < lane.queue.length && count < maxRows; count++) {
    bytes += lane.queue[count]!.bytes
    if (bytes > lane.maxBytes) break
  }
  const rows = lane.queue.splice(0, count)
  become(lane, { state: 'sending', unread: true, bytes: lane.bytes - bytesOf(rows) })
  return { lane, rows }
}

/**
 * Rows that were read go first. The floor: below the first row and what is complete nothing is left to be read. But what is
 * set aside, and what waits behind it, is there again some day: the base stays below these.
 */
export function found(lane: Lane, { rows, first, more, aside }: LaneRows, complete: bigint | undefined): void {
  const wasRead = new Set(rows.map(({ eventId }) => eventId))
  const queue = [...rows, ...lane.queue.filter(({ eventId }) => !wasRead.has(eventId))]
  const ahead = new Set(queue.map(({ eventId }) => eventId))
  const bytes = bytesOf(queue)
  become(lane, { state: 'idle', unread: false, caughtUp: !more, queue, bytes, ahead, knownAside: aside })
  if (more) lane.wanted = true
  // What it failed with is gone by another way, and must not keep the circuit open for ever.
  if (queue.length === 0) become(lane, well)
  if (complete === undefined) return
  lane.floor = first !== undefined && first <= complete ? first : complete + 1n
  if (aside.length === 0) lane.base = lane.floor
}

const well = { trouble: undefined, failures: 0 }

function acknowledged({ lane, rows }: Chunk): void {
  for (const { eventId } of rows) {
    lane.ahead.delete(eventId)
    lane.acknowledged.add(eventId)
  }
  become(lane, { ...well, state: 'idle', maxBytes: Math.min(2 * lane.maxBytes, largestChunk) })
}

function failed(chunk: Chunk, { chunks, failure, cause }: Extract<Event, { type: 'failed' }>): Command[] {
  const { lane, rows } = chunk
  readAgain(lane)
  lane.trouble = failure
  if (failure !== 'unavailable' && chunks.length > 1) return []
  if (failure === 'too large' && rows.length > 1) {
    lane.maxBytes = Math.max(Math.floor(Math.min(lane.maxBytes, bytesOf(rows)) / 2), 1)
    return []
  }
  lane.state = 'backoff'
  if (failure === 'too large') return [{ do: 'set aside', chunk, cause }]
  lane.failures++
  return [{ do: 'back off', lane, failures: lane.failures, cause }]
}

/** What was not sent is read once more, and memory is dropped. */
function readAgain(lane: Lane): void {
  become(lane, { state: 'idle', wanted: true, caughtUp: false, queue: [], bytes: 0, ahead: new Set() })
}

const become = (lane: Lane, change: Partial<Lane>): Lane => Object.assign(lane, change)
export const bytesOf = (rows: readonly OutboxRow[]): number => rows.reduce((sum, { bytes }) => sum + bytes, 0)
