// Requests that arrive while commits are under way go together into the next one.
//
//   submit -> (held: a request with one of its keys is before it) -> ready -> in a group, in flight -> answered
//
// A key is an order id or an idempotency key. A request is ready when it is the first of each of its keys, so a group
// never has two of one key, and two groups in flight never share one. Waiting always points to an earlier request: no cycle.

/** The bounded queue is full: nothing was done, try later. */
export class QueueFull extends Error {
  override name = 'QueueFull'
}

export interface GroupCommitOptions<Request, Outcome> {
  keys(request: Request): readonly string[]
  /** 1 for a small one, more for what takes the room of several: what follows counts these. */
  weight(request: Request): number
  /** One transaction. Gives an outcome for each request, in their order; if it rejects, each of them gets the error. */
  run(group: readonly Request[]): Promise<readonly Outcome[]>
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
      const entry = { request, keys, weight, blockedBy: 0, followers: [], resolve, reject }
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
    while (this.#inFlight < this.#options.maxInFlight && this.#ready.length > 0) {
      const group = this.#nextGroup()
      this.#inFlight++
      void this.#commit(group)
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
      for (const [i, entry] of group.entries()) entry.resolve(outcomes[i]!)
    } catch (error) {
      for (const entry of group) entry.reject(error)
    }
    for (const entry of group) this.#letGo(entry)
    this.#inFlight--
    this.#start()
  }

  #letGo(entry: Entry<Request, Outcome>): void {
    for (const [i, key] of entry.keys.entries()) {
      const next = entry.followers[i]
      if (!next) this.#lastOfKey.delete(key)
      else if (--next.blockedBy === 0) this.#makeReady(next)
    }
  }
}
