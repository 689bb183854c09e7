// Writes whose order or key another session of the database holds locked. Each waits in a transaction of its own, on a few
// of the connections, so that it delays no write of another order.
//
//   wait -> waiting -> tried (waits for the lock a moment) -> done
//              '---------- still locked ----------'    '-> OrderLocked, when its time is up
import { isLocked, type Locked, type Result, type Write } from './group.ts'

/** Another session kept the order or the key locked for too long. Nothing of the write is stored. */
export class OrderLocked extends Error {
  override name = 'OrderLocked'
}

export interface LockWaitsOptions {
  /** Commits the write alone, and waits so long (ms) for the lock. */
  commit(write: Write, waitMs: number): Promise<Result | Locked>
  /** How many are tried at once: each takes a connection. */
  maxTried: number
  maxWaiting: number
}

/** Short, so that with more of them than are tried at once each has its turn. */
const turnMs = 200

interface Waiting {
  write: Write
  /** `performance.now()` */
  until: number
  resolve(result: Result): void
  reject(error: unknown): void
}

export class LockWaits {
  readonly #options: LockWaitsOptions
  /** In the order of their turns. */
  readonly #waiting = new Set<Waiting>()
  #tried = 0

  constructor(options: LockWaitsOptions) {
    this.#options = options
  }

  /** Rejects with OrderLocked at `until` (`performance.now()`) at the latest, or at once where too many wait. */
  wait(write: Write, until: number): Promise<Result> {
    if (this.#waiting.size >= this.#options.maxWaiting) return Promise.reject(locked('too many wait for a lock'))
    return new Promise((resolve, reject) => {
      this.#waiting.add({ write, until, resolve, reject })
      if (this.#tried < this.#options.maxTried) void this.#tryAll()
    })
  }

  async #tryAll(): Promise<void> {
    this.#tried++
    for (const waiting of this.#waiting) {
      this.#waiting.delete(waiting)
      await this.#try(waiting)
      this.#refuseOverdue()
    }
    this.#tried--
  }

  async #try(waiting: Waiting): Promise<void> {
    const { write, until, resolve, reject } = waiting
    const left = until - performance.now()
    try {
      const result = left > 0 ? await this.#options.commit(write, Math.min(left, turnMs)) : still
      if (!isLocked(result)) resolve(result)
      else if (performance.now() < until) this.#waiting.add(waiting)
      else reject(locked('it was not released in time'))
    } catch (error) {
      reject(error)
    }
  }

  #refuseOverdue(): void {
    const now = performance.now()
    for (const waiting of this.#waiting) {
      if (waiting.until > now) continue
      this.#waiting.delete(waiting)
      waiting.reject(locked('its turn did not come in time'))
    }
  }
}

const still: Locked = { refused: 'locked' }
const locked = (why: string) =>
  new OrderLocked(`another session of the database holds the order, or the idempotency key, locked: ${why}`)
