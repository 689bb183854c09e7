// The way of a write: into a group, behind a lock if it meets one, and then as long as its client likes, until Kafka has
// its event.

import { traceBatch } from '@inorder/messaging/kafka/spans.ts'
import type { ComparedSessions, DatabaseRun } from '@inorder/messaging/outbox/database-run.ts'
import type { Delivery, EventDelivery } from '@inorder/messaging/outbox/delivery.ts'
import { logChanges } from '@inorder/messaging/outbox/log-changes.ts'
import { type EventRecord, traceBegunBy } from '@inorder/messaging/outbox/outbox.ts'
import type { Relay } from '@inorder/messaging/outbox/relay.ts'
import { GroupCommit } from '@inorder/storage/group-commit.ts'
import type { Logger } from 'pino'
import { deliveryOfEarlier } from './earlier-delivery.ts'
import { type Committed, commitGroup, commitWaiting, type Locked, type Result, type Write } from './group.ts'
import { KeysUnderWay } from './keys-under-way.ts'
import { type CartOrder, decide, evolve, orderIdOf } from './order.ts'
import { largestEvent, recordOf } from './order-record.ts'
import type { Preferences } from './prefer.ts'

/** What became of a write. */
export interface WriteAnswer {
  /** `kafka-away`: rather refused than stored, as the client prefers. */
  result: Result | { kind: 'too-large' } | { kind: 'kafka-away'; retryAfter: number }
  /** Whether Kafka has acknowledged the event behind the outcome; undefined where there is none. */
  delivery?: EventDelivery
}

/** How long it may wait for Kafka, and whether it is rather refused than stored while Kafka is unavailable. */
type Wishes = Pick<Preferences, 'waitMs'> & Partial<Pick<Preferences, 'strict'>>

/** Another session kept the order or the key locked for too long. Nothing of the write is stored. */
export class OrderLocked extends Error {
  override name = 'OrderLocked'
}

/** A group of 500 is 4 MiB at most, and what waits 80: not 500 or 10,000 times the largest order. */
const bytesOfOne = 8 * 1024
/** A write that meets somebody else's lock is answered within 3 s of its arrival; half a second is for its answer. */
const longestLockMs = 2_500
/** So much longer a group may take until its COMMIT is sent: one that meets a frozen database is refused after 3.5 s. */
const commitMs = 1_000
/** Of the 10 connections that the cart has; two more are for groups. */
const connectionsForLocks = 3
/** Short, so that with more that wait for a lock than are tried at once each has its turn. */
const turnMs = 200

/** So long a new write may have to wait for its group; docs/decisions/overload.md has the figures. */
const longestWaitMs = 500

/** `until`: so long it waits for its group, or for a lock (`performance.now()`). */
type Queued = Write & { until: number }
const keyOf = ({ command }: Queued) => orderIdOf(command)

interface Stored {
  write: Queued
  now: CartOrder
}

/** Those that made a version now, not those that are told of an earlier one. */
const storedBy = (group: readonly Queued[], results: readonly (Result | Locked)[]): Stored[] =>
  group.flatMap((write, n) => {
    const result = results[n]!
    return 'now' in result && result.now.eventId === write.command.eventId ? { write, now: result.now } : []
  })

const changeOf = ({ write: { requestId, traceparent }, now: { order, version, eventId } }: Stored) => {
  return { key: order.orderId, version, requestId, traceparent: traceparent ?? traceBegunBy(eventId) }
}

export interface WritesOptions {
  pool: ComparedSessions
  run: Pick<DatabaseRun, 'compared'>
  relay: Pick<Relay, 'delivery' | 'wake' | 'committed'>
  logger: Logger
  /** As if every write preferred `handling=strict`. */
  strict?: boolean
  /** Told how many writes each group has. */
  onGroup?(size: number): void
}

export class Writes {
  readonly #options: WritesOptions
  readonly #delivery: Delivery
  readonly #groups: GroupCommit<Queued, Result>
  /** Writes that met a lock, one of an order. Each is tried by itself, on a few of the connections, and delays no other order. */
  readonly #lockTurns: GroupCommit<Queued, Result | Locked>
  readonly #keysUnderWay: KeysUnderWay

  constructor(options: WritesOptions) {
    this.#options = options
    this.#delivery = options.relay.delivery
    this.#keysUnderWay = new KeysUnderWay(options.pool)
    this.#groups = new GroupCommit({
      key: keyOf,
      weight: ({ record }) => Math.ceil((record?.value.length ?? 1) / bytesOfOne),
      run: (group) => this.#commitGroup(group),
      isOverdue: ({ until }) => performance.now() >= until,
      maxGroup: 500,
      maxInFlight: 2,
      maxQueued: 10_000,
      maxOfKey: 1_000,
      maxWaitMs: longestWaitMs,
    })
    this.#lockTurns = new GroupCommit({
      key: keyOf,
      weight: () => 1,
      run: async ([queued]) => [await this.#tryLocked(queued!)],
      maxGroup: 1,
      maxInFlight: connectionsForLocks,
      maxQueued: 1_000,
    })
  }

  /** How much waits for a group; a large write counts as several. */
  get queued(): number {
    return this.#groups.queued
  }

  /** Whether a new write would be refused with QueueFull, as too much waits before it. */
  get isBehind(): boolean {
    return this.#groups.isBehind
  }

  /**
   * Resolves when the write is decided and its event acknowledged, or `waitMs` after the decision.
   * Rejects with QueueFull, OrderLocked, CommitUnknown, or with another error that means that nothing is stored.
   */
  async write(asked: Write, { waitMs, strict = false }: Wishes): Promise<WriteAnswer> {
    const { command, key } = asked

    // 1. What the event of a new order says is known already: it is encoded here, not in the transaction.
    let record: EventRecord | undefined
    if (command.type === 'CreateOrder') {
      const decision = decide(undefined, command)
      if (decision.kind !== 'accepted') return { result: decision }
      record = recordOf(decision.event, evolve(undefined, decision.event), new Date(), asked)
      if (record.value.length > largestEvent) return { result: { kind: 'too-large' } }
    }

    // 2. A repeat of what is stored must not hear that nothing was.
    const { unavailable, retryAfter } = this.#delivery
    if (unavailable && (strict || this.#options.strict) && !(key && (await this.#keysUnderWay.isRepeat(key))))
      return { result: { kind: 'kafka-away', retryAfter } }

    // 3. Its turn, with the waiter there before: the relay may be faster than the answer to the commit (rule 7).
    const own = this.#delivery.expect(command.eventId)
    const database = this.#options.run.compared
    let result: Result
    try {
      const submit = () => this.#groups.submit({ ...asked, record, until: performance.now() + longestLockMs })
      result = await (key ? this.#keysUnderWay.firstUse(key, submit) : submit())
    } catch (error) {
      own.forget()
      throw error
    }

    // 4. Kafka's acknowledgement, of its own event or of the earlier one that it is told of.
    const eventId = 'now' in result ? result.now.eventId : undefined
    if (eventId === command.eventId) return { result, delivery: await own.within(waitMs) }
    own.forget()
    if (eventId === undefined) return { result }
    return { result, delivery: await deliveryOfEarlier(this.#options, { eventId, waitMs, database }) }
  }

  async #commitGroup(group: readonly Queued[]): Promise<(Result | Promise<Result>)[]> {
    this.#options.onGroup?.(group.length)
    const oldest = group.reduce((earliest, { until }) => Math.min(earliest, until), Number.POSITIVE_INFINITY)
    // Past its time already, because many stood before it: it has its turn all the same.
    const commitBefore = Math.max(oldest, performance.now()) + commitMs
    const results = await this.#committed(commitGroup(this.#options.pool, group, commitBefore), group)
    return results.map((result, n) => (result.kind === 'locked' ? this.#waitForLock(group[n]!) : result))
  }

  /** Outside of its group, whose place in flight is free meanwhile; its order's later writes stay behind it. */
  async #waitForLock(queued: Queued): Promise<Result> {
    const orderId = keyOf(queued)
    this.#options.logger.debug({ orderId }, 'another session holds the order or the key of a write locked: it waits')
    while (performance.now() < queued.until) {
      const result = await this.#lockTurns.submit(queued)
      if (result.kind !== 'locked') return result
    }
    throw new OrderLocked(
      `another session of the database holds order ${orderId}, or the idempotency key, locked, and did not release it in time`,
    )
  }

  async #tryLocked(queued: Queued): Promise<Result | Locked> {
    const left = queued.until - performance.now()
    if (left <= 0) return { kind: 'locked' }
    const [result] = await this.#committed(commitWaiting(this.#options.pool, queued, Math.min(left, turnMs)), [queued])
    return result!
  }

  async #committed(commit: Promise<Committed>, group: readonly Queued[]): Promise<(Result | Locked)[]> {
    const { relay, logger } = this.#options
    const begun = performance.now()
    try {
      const { results, rows } = await commit
      // Not in here: what it throws would deny the commit. But before the requests go on: their waiters say that nothing has
      // published the rows yet.
      queueMicrotask(() => {
        if (rows) relay.committed(rows)
        else relay.wake()
        const stored = storedBy(group, results)
        logChanges(logger, stored, changeOf, 'order stored')
        traceBatch('group commit', begun, stored, changeOf)
      })
      return results
    } catch (error) {
      logger.error({ err: error, writes: group.length }, 'a group of writes was not committed')
      throw error
    }
  }
}
