// Requests that arrive while commits are under way go together into the next one.
//
//   submit -> (queued: another request of its key is before it) -> ready -> in a group, in flight -> answered
//                                                                                       '-> continued -> answered
//
// A request is ready when it is the first of its key's queue, so a group never has two of one key, and two groups in flight
// never share one. A request that is continued outside its group stays the first of its key, but keeps no place in flight:
// only those behind it wait for it.

/** The bounded queue, of all or of the request's key, is full: nothing was done, try later. */
export class QueueFull extends Error {
  override name = 'QueueFull'
}

/** The group before it failed, and it had waited too long for another: nothing was done. */
export class Overdue extends Error {
  override name = 'Overdue'
}

export interface GroupCommitOptions<Request, Result> {
  /** Requests of one key are done one by one, in their order. */
  key(request: Request): string
  /** 1 for a small one, more for what takes the room of several: what follows counts these. */
  weight(request: Request): number
  /**
   * One transaction. Gives for each request, in their order, its outcome, or a promise of it where the request is continued
   * outside the group. If it rejects, each of them gets the error.
   */
  run(group: readonly Request[]): Promise<readonly (Result | Promise<Result>)[]>
  /**
   * Asked when a group or a continued request failed, of the requests that are in no group yet: whether it is too late to
   * try another. They are rejected with Overdue, or with the error of the continued request that they followed. While
   * groups succeed nobody is refused, however long the queue.
   */
  isOverdue?(request: Request): boolean
  maxGroup: number
  maxInFlight: number
  maxQueued: number
  /** Of one key, with its request in flight: what waits behind one of them cannot fill the queue of all. Default: `maxQueued`. */
  maxOfKey?: number
}

interface Queued<Request, Result> {
  request: Request
  key: string
  weight: number
  resolve(outcome: Result): void
  reject(error: unknown): void
}

/** The first is ready, in flight or continued. */
interface KeyQueue<Request, Result> {
  entries: Queued<Request, Result>[]
  weight: number
}

export class GroupCommit<Request, Result> {
  readonly #options: GroupCommitOptions<Request, Result>
  readonly #queues = new Map<string, KeyQueue<Request, Result>>()
  readonly #ready: Queued<Request, Result>[] = []
  #queued = 0
  #inFlight = 0
  #scheduled = false

  constructor(options: GroupCommitOptions<Request, Result>) {
    this.#options = options
  }

  /** Resolves with the request's outcome once its group is committed. Rejects with QueueFull, or with the group's error. */
  submit(request: Request): Promise<Result> {
    const { maxQueued, maxOfKey = maxQueued } = this.#options
    if (this.#queued >= maxQueued) return Promise.reject(new QueueFull('too many requests are waiting'))
    const key = this.#options.key(request)
    const queue = this.#queues.get(key)
    if (queue && queue.weight >= maxOfKey)
      return Promise.reject(new QueueFull(`too many requests of ${key} are waiting`))
    return new Promise((resolve, reject) => {
      const entry = { request, key, weight: this.#options.weight(request), resolve, reject }
      this.#queued += entry.weight
      if (queue) {
        queue.entries.push(entry)
        queue.weight += entry.weight
      } else {
        this.#queues.set(key, { entries: [entry], weight: entry.weight })
        this.#makeReady(entry)
      }
    })
  }

  #makeReady(entry: Queued<Request, Result>): void {
    this.#ready.push(entry)
    if (this.#scheduled) return
    this.#scheduled = true
    // Not at once: what else arrived in this turn of the event loop then shares the group.
    setImmediate(() => {
      this.#scheduled = false
      this.#start()
    })
  }

  #start(): void {
    while (this.#inFlight < this.#options.maxInFlight) {
      if (this.#ready.length === 0) return
      const group = this.#nextGroup()
      this.#inFlight++
      void this.#commit(group)
    }
  }

  /** The longest ready come first. */
  #refuseOverdue(): void {
    const { isOverdue } = this.#options
    while (this.#ready[0] && isOverdue?.(this.#ready[0].request)) {
      const entry = this.#ready.shift()!
      this.#queued -= entry.weight
      entry.reject(new Overdue('the group before it failed, and it has waited too long for another'))
      this.#letGo(entry)
    }
  }

  /** The first that are ready, but at least one. */
  #nextGroup(): readonly Queued<Request, Result>[] {
    let count = 0
    let weight = 0
    do weight += this.#ready[count++]!.weight
    while (count < this.#ready.length && weight + this.#ready[count]!.weight <= this.#options.maxGroup)
    this.#queued -= weight
    return this.#ready.splice(0, count)
  }

  async #commit(group: readonly Queued<Request, Result>[]): Promise<void> {
    try {
      const outcomes = await this.#options.run(group.map((entry) => entry.request))
      for (const [i, entry] of group.entries()) {
        const outcome = outcomes[i]!
        if (outcome instanceof Promise) void this.#continue(entry, outcome)
        else this.#answer(entry, outcome)
      }
    } catch (error) {
      for (const entry of group) entry.reject(error)
      for (const entry of group) this.#letGo(entry)
      this.#refuseOverdue()
    }
    this.#inFlight--
    this.#start()
  }

  #answer(entry: Queued<Request, Result>, outcome: Result): void {
    entry.resolve(outcome)
    this.#letGo(entry)
  }

  async #continue(entry: Queued<Request, Result>, outcome: Promise<Result>): Promise<void> {
    try {
      this.#answer(entry, await outcome)
    } catch (error) {
      entry.reject(error)
      this.#letGo(entry, error)
    }
  }

  /** The next of its key is ready; after a failure, those for which it is too late are answered with it, in their order. */
  #letGo({ key }: Queued<Request, Result>, failure?: unknown): void {
    const queue = this.#queues.get(key)!
    takeFirst(queue)
    while (failure !== undefined && queue.entries[0] && this.#options.isOverdue?.(queue.entries[0].request)) {
      const late = takeFirst(queue)
      this.#queued -= late.weight
      late.reject(failure)
    }
    if (queue.entries[0]) this.#makeReady(queue.entries[0])
    else this.#queues.delete(key)
  }
}

function takeFirst<Request, Result>(queue: KeyQueue<Request, Result>): Queued<Request, Result> {
  const first = queue.entries.shift()!
  queue.weight -= first.weight
  return first
}
