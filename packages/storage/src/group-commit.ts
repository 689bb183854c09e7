// Requests that arrive while commits are under way go together into the next one.
//
//   submit -> (held: a request with one of its keys is before it) -> ready -> in a group, in flight -> answered
//                                                                                      '-> continued -> answered
//
// A key is an order id or an idempotency key. A request is ready when it is the first of each of its keys, so a group
// never has two of one key, and two groups in flight never share one. Waiting always points to an earlier request: no cycle.
// A request that is continued outside its group keeps its keys, but no place in flight: only its followers wait for it.

/** The bounded queue is full: nothing was done, try later. */
export class QueueFull extends Error {
  override name = 'QueueFull'
}

/** The group before it failed, and it had waited too long for another: nothing was done. */
export class Overdue extends Error {
  override name = 'Overdue'
}

export interface GroupCommitOptions<Request, Outcome> {
  keys(request: Request): readonly string[]
  /** 1 for a small one, more for what takes the room of several: what follows counts these. */
  weight(request: Request): number
  /**
   * One transaction. Gives for each request, in their order, its outcome, or a promise of it where the request is continued
   * outside the group. If it rejects, each of them gets the error.
   */
  run(group: readonly Request[]): Promise<readonly (Outcome | Promise<Outcome>)[]>
  /**
   * Asked when a group or a continued request failed, of the requests that are in no group yet: whether it is too late to
   * try another. They are rejected with Overdue, or with the error of the continued request that they followed. While
   * groups succeed nobody is refused, however long the queue.
   */
  isOverdue?(request: Request): boolean
  maxGroup: number
  maxInFlight: number
  maxQueued: number
}

interface Entry<Request, Outcome> {
  request: Request
  keys: readonly string[]
  weight: number
  /** Keys of which an earlier request is still held, ready or in flight. */
  blockedBy: number
  /** What it failed with when it was continued, or a continued one before it. */
  failure: unknown
  /** Who comes next for each key, in the order of `keys`. */
  followers: (Entry<Request, Outcome> | undefined)[]
  resolve(outcome: Outcome): void
  reject(error: unknown): void
}

export class GroupCommit<Request, Outcome> {
  readonly #options: GroupCommitOptions<Request, Outcome>
  readonly #lastOfKey = new Map<string, Entry<Request, Outcome>>()
  readonly #ready: Entry<Request, Outcome>[] = []
  #queued = 0
  #inFlight = 0
  #scheduled = false

  constructor(options: GroupCommitOptions<Request, Outcome>) {
    this.#options = options
  }

  /** Resolves with the request's outcome once its group is committed. Rejects with QueueFull, or with the group's error. */
  submit(request: Request): Promise<Outcome> {
    if (this.#queued >= this.#options.maxQueued) return Promise.reject(new QueueFull('too many requests are waiting'))
    return new Promise((resolve, reject) => {
      const keys = this.#options.keys(request)
      const weight = this.#options.weight(request)
      const entry = { request, keys, weight, blockedBy: 0, failure: undefined, followers: [], resolve, reject }
      for (const key of keys) this.#follow(key, entry)
      this.#queued += weight
      if (entry.blockedBy === 0) this.#makeReady(entry)
    })
  }

  #follow(key: string, entry: Entry<Request, Outcome>): void {
    const before = this.#lastOfKey.get(key)
    if (before === entry) throw new Error(`a request names the key ${key} twice`)
    if (before) {
      before.followers[before.keys.indexOf(key)] = entry
      entry.blockedBy++
    }
    this.#lastOfKey.set(key, entry)
  }

  #makeReady(entry: Entry<Request, Outcome>): void {
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
  #nextGroup(): readonly Entry<Request, Outcome>[] {
    let count = 0
    let weight = 0
    do weight += this.#ready[count++]!.weight
    while (count < this.#ready.length && weight + this.#ready[count]!.weight <= this.#options.maxGroup)
    this.#queued -= weight
    return this.#ready.splice(0, count)
  }

  async #commit(group: readonly Entry<Request, Outcome>[]): Promise<void> {
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

  #answer(entry: Entry<Request, Outcome>, outcome: Outcome): void {
    entry.resolve(outcome)
    this.#letGo(entry)
  }

  async #continue(entry: Entry<Request, Outcome>, outcome: Promise<Outcome>): Promise<void> {
    try {
      this.#answer(entry, await outcome)
    } catch (error) {
      entry.failure = error
      entry.reject(error)
      this.#letGo(entry)
    }
  }

  /** The next of its keys are ready; after a failure, those for which it is too late are answered with it, in their order. */
  #letGo(first: Entry<Request, Outcome>): void {
    const answered = [first]
    for (const entry of answered) {
      for (const [i, key] of entry.keys.entries()) {
        const next = entry.followers[i]
        if (!next) {
          this.#lastOfKey.delete(key)
          continue
        }
        next.failure ??= entry.failure
        if (--next.blockedBy > 0) continue
        if (next.failure !== undefined && this.#options.isOverdue?.(next.request)) {
          this.#queued -= next.weight
          next.reject(next.failure)
          answered.push(next)
        } else {
          next.failure = undefined
          this.#makeReady(next)
        }
      }
    }
  }
}
