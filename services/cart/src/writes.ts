// The way of a write: into a group, and then for as long as its client likes, until Kafka has its event.
import type { Delivery } from '@inorder/messaging/outbox/delivery.ts'
import { stillInOutbox } from '@inorder/messaging/outbox/outbox.ts'
import type { Relay } from '@inorder/messaging/outbox/relay.ts'
import { GroupCommit } from '@inorder/storage/group-commit.ts'
import type pg from 'pg'
import type { Logger } from 'pino'
import { commitGroup, orderIdOf, type Result, type Write } from './group.ts'
import { isDecided, KeysUnderWay, type KeyUse } from './idempotency.ts'

export interface Answer {
  result: Result
  /** Whether Kafka has acknowledged the event behind the outcome; undefined where there is none. */
  delivery?: 'delivered' | 'pending'
}

/** A group of 500 is 4 MiB at most, and what waits 80: not 500 or 10,000 times the largest order. */
const bytesOfOne = 8 * 1024
const weightOf = (write: Write): number =>
  'create' in write ? Math.ceil((write.record(write.create, null).value?.length ?? 1) / bytesOfOne) : 1

export class Writes {
  readonly #pool: pg.Pool
  readonly #delivery: Delivery
  readonly #logger: Logger
  readonly #keys = new KeysUnderWay()
  readonly #commits: GroupCommit<Write, Result>

  constructor({ pool, relay, logger }: { pool: pg.Pool; relay: Pick<Relay, 'delivery' | 'wake'>; logger: Logger }) {
    this.#pool = pool
    this.#delivery = relay.delivery
    this.#logger = logger
    this.#commits = new GroupCommit<Write, Result>({
      // Rule 1 asks for one use of an idempotency key in a group, too: KeysUnderWay lets no second one come here.
      keys: (write) => [orderIdOf(write)],
      weight: weightOf,
      run: async (group) => {
        try {
          const results = await commitGroup(pool, group)
          // Not in here: what it throws would deny the commit.
          queueMicrotask(() => relay.wake())
          return results
        } catch (error) {
          logger.error({ err: error, writes: group.length }, 'a group of writes was not committed')
          throw error
        }
      },
      maxGroup: 500,
      maxInFlight: 2,
      maxQueued: 10_000,
    })
  }

  /** Whether a write with this key would store nothing, but be told what became of the first one. */
  async isRepeat(key: KeyUse): Promise<boolean> {
    return this.#keys.has(key) || (await isDecided(this.#pool, key))
  }

  /**
   * Resolves when the write is decided and its event acknowledged, or `waitMs` after the decision.
   * Rejects with QueueFull, with CommitUnknown, or with an error that means that nothing is stored.
   */
  async write(write: Write, waitMs: number): Promise<Answer> {
    // Rule 7: the relay may be faster than the answer to the commit, so the waiter is there before the transaction.
    const own = this.#delivery.expect(write.eventId)
    let result: Result
    try {
      const submit = () => this.#commits.submit(write)
      result = await (write.key ? this.#keys.with(write.key, submit) : submit())
    } catch (error) {
      own.forget()
      throw error
    }
    const event = 'outcome' in result && 'now' in result.outcome ? result.outcome.now.eventId : undefined
    if (event === write.eventId) return { result, delivery: await own.within(waitMs) }
    own.forget()
    return event === undefined ? { result } : { result, delivery: await this.#deliveryOfEarlier(event, waitMs) }
  }

  /** Rules 2 and 6: the event is an earlier write's, perhaps of another instance: what the outbox says counts. */
  async #deliveryOfEarlier(eventId: string, waitMs: number): Promise<'delivered' | 'pending'> {
    const waiter = this.#delivery.expect(eventId)
    try {
      if (!(await this.#isUnpublished(eventId))) return 'delivered'
      if ((await waiter.within(waitMs)) === 'delivered') return 'delivered'
      return (await this.#isUnpublished(eventId)) ? 'pending' : 'delivered'
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
