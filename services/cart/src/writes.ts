// The way of a write: into a group, and then for as long as its client likes, until Kafka has its event.

import type { ComparedSessions, DatabaseRun } from '@inorder/messaging/outbox/database-run.ts'
import type { Delivery } from '@inorder/messaging/outbox/delivery.ts'
import { stillInOutbox } from '@inorder/messaging/outbox/outbox.ts'
import type { Relay } from '@inorder/messaging/outbox/relay.ts'
import { GroupCommit } from '@inorder/storage/group-commit.ts'
import type { Logger } from 'pino'
import { commitGroup, commitWaiting, isLocked, orderIdOf, type Result, type Write } from './group.ts'
import { isDecided, KeysUnderWay, type KeyUse } from './idempotency.ts'
import { LockWaits } from './lock-wait.ts'

export interface Answer {
  result: Result
  /** Whether Kafka has acknowledged the event behind the outcome; undefined where there is none. */
  delivery?: 'delivered' | 'pending'
}

/** A group of 500 is 4 MiB at most, and what waits 80: not 500 or 10,000 times the largest order. */
const bytesOfOne = 8 * 1024
const weightOf = (write: Write): number =>
  'create' in write ? Math.ceil((write.record(write.create, null).value?.length ?? 1) / bytesOfOne) : 1

/** A write that meets somebody else's lock is answered within 3 s of its arrival; half a second is for its answer. */
const longestLockMs = 2_500
/** So much longer a group may take until its COMMIT is sent: one that meets a frozen database is refused after 3.5 s. */
const commitMs = 1_000
/** Of the 10 connections that the cart has; two more are for groups. */
const connectionsForLocks = 3

/** A write, and until when it waits for its group, or for a lock (`performance.now()`). */
interface Queued {
  write: Write
  until: number
}

export interface WritesOptions {
  pool: ComparedSessions
  run: Pick<DatabaseRun, 'compared'>
  relay: Pick<Relay, 'delivery' | 'wake'>
  logger: Logger
}

export class Writes {
  readonly #pool: ComparedSessions
  readonly #run: Pick<DatabaseRun, 'compared'>
  readonly #delivery: Delivery
  readonly #logger: Logger
  readonly #keys: KeysUnderWay
  readonly #commits: GroupCommit<Queued, Result>
  readonly #lockWaits: LockWaits

  constructor({ pool, run, relay, logger }: WritesOptions) {
    this.#pool = pool
    this.#keys = new KeysUnderWay(pool)
    this.#run = run
    this.#delivery = relay.delivery
    this.#logger = logger
    const commit = async <T>(writes: number, run: () => Promise<T>): Promise<T> => {
      try {
        const results = await run()
        // Not in here: what it throws would deny the commit.
        queueMicrotask(() => relay.wake())
        return results
      } catch (error) {
        logger.error({ err: error, writes }, 'a group of writes was not committed')
        throw error
      }
    }
    this.#lockWaits = new LockWaits({
      commit: (write, waitMs) => commit(1, () => commitWaiting(pool, write, waitMs)),
      maxTried: connectionsForLocks,
      maxWaiting: 1_000,
    })
    this.#commits = new GroupCommit<Queued, Result>({
      // Rule 1 asks for one use of an idempotency key in a group, too: KeysUnderWay lets no second one come here.
      key: ({ write }) => orderIdOf(write),
      weight: ({ write }) => weightOf(write),
      run: async (group) => {
        const writes = group.map(({ write }) => write)
        const oldest = group.reduce((earliest, { until }) => Math.min(earliest, until), Number.POSITIVE_INFINITY)
        // Past its time already, because many stood before it: it has its turn all the same.
        const commitBefore = Math.max(oldest, performance.now()) + commitMs
        const results = await commit(group.length, () => commitGroup(pool, writes, commitBefore))
        return results.map((result, n) => (isLocked(result) ? this.#waitForLock(group[n]!) : result))
      },
      isOverdue: ({ until }) => performance.now() >= until,
      maxGroup: 500,
      maxInFlight: 2,
      maxQueued: 10_000,
      maxOfKey: 1_000,
    })
  }

  /** Whether a write with this key would store nothing, but be told what became of the first one. */
  async isRepeat(key: KeyUse): Promise<boolean> {
    return this.#keys.has(key) || (await isDecided(this.#pool, key))
  }

  /**
   * Resolves when the write is decided and its event acknowledged, or `waitMs` after the decision.
   * Rejects with QueueFull, OrderLocked, CommitUnknown, or with another error that means that nothing is stored.
   */
  async write(write: Write, waitMs: number): Promise<Answer> {
    // Rule 7: the relay may be faster than the answer to the commit, so the waiter is there before the transaction.
    const own = this.#delivery.expect(write.eventId)
    const database = this.#run.compared
    let result: Result
    try {
      const submit = () => this.#commits.submit({ write, until: performance.now() + longestLockMs })
      result = await (write.key ? this.#keys.with(write.key, submit) : submit())
    } catch (error) {
      own.forget()
      throw error
    }
    const event = 'outcome' in result && 'now' in result.outcome ? result.outcome.now.eventId : undefined
    if (event === write.eventId) return { result, delivery: await own.within(waitMs) }
    own.forget()
    return event === undefined
      ? { result }
      : { result, delivery: await this.#deliveryOfEarlier(event, waitMs, database) }
  }

  #waitForLock({ write, until }: Queued): Promise<Result> {
    this.#logger.debug(
      { orderId: orderIdOf(write) },
      'another session holds an order or its key locked: the write waits',
    )
    return this.#lockWaits.wait(write, until)
  }

  /** Rules 2 and 6: the event is an earlier write's, perhaps of another instance: what the outbox says counts. */
  async #deliveryOfEarlier(
    eventId: string,
    waitMs: number,
    database: string | undefined,
  ): Promise<'delivered' | 'pending'> {
    // Another database's outbox says nothing of it.
    const isPublished = async () => !(await this.#isUnpublished(eventId)) && this.#run.compared === database
    const waiter = this.#delivery.expect(eventId)
    try {
      if (await isPublished()) return 'delivered'
      if ((await waiter.within(waitMs)) === 'delivered') return 'delivered'
      return (await isPublished()) ? 'delivered' : 'pending'
    } catch (error) {
      // It is stored whatever becomes of this question, so an error would be a lie.
      this.#logger.warn({ err: error, eventId }, 'cannot ask the outbox')
      return 'pending'
    } finally {
      waiter.forget()
    }
  }

  async #isUnpublished(eventId: string): Promise<boolean> {
    return (await stillInOutbox(this.#pool, [eventId])).has(eventId)
  }
}
