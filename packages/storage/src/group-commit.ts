// Requests that arrive while commits are under way go together into the next one.
//
//   submit -> (queued: another request of its key is before it) -> ready -> in a group, in flight -> answered
//                                                                                       '-> continued -> answered
//
// A request is ready when it is the first of its key's queue, so a group never has two of one key, and two groups in flight
// never share one. A request that is continued outside its group stays the first of its key, but keeps no place in flight:
// only those behind it wait for it.

/** The bounded queue, of all or of the request's key, is full, or takes too long: nothing was done, try later. */
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
   * groups succeed nobody who waits is refused, however long the queue.
   */
  isOverdue?(request: Request): boolean
  maxGroup: number
  maxInFlight: number
  maxQueued: number
  /** Of one key, with its request in flight: what waits behind one of them cannot fill the queue of all. Default: `maxQueued`. */
  maxOfKey?: number
  /** For how long a new request may be expected to wait for its group. Default: for ever. */
  maxWaitMs?: number
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
  requests: Queued<Request, Result>[]
  weight: number
}

export class GroupCommit<Request, Result> {
  readonly #options: GroupCommitOptions<Request, Result>
  readonly #queues = new Map<string, KeyQueue<Request, Result>>()
  readonly #ready: Queued<Request, Result>[] = []
  #queued = 0
  /** Of the ready ones, the weight. */
  #readyWeight = 0
  #inFlight = 0
  /** How long the last group took; 0: it failed, or there was none, so that nothing is known. */
  #groupMs = 0
  #scheduled = false

  constructor(options: GroupCommitOptions<Request, Result>) {
    this.#options = options
  }

  /** How much waits for a group, by weight. */
  get queued(): number {
    return this.#queued
  }

  /**
   * Whether a new request would wait longer than `maxWaitMs`, if the groups before it take as long as the last one did.
   * What fits in the next group is never refused: nobody would be answered sooner for it. Nor does what waits behind its
   * own key count, as it delays no other.
   */
  get isBehind(): boolean {
    const { maxGroup, maxInFlight, maxWaitMs = Number.POSITIVE_INFINITY } = this.#options
    const groups = this.#readyWeight / maxGroup
    return groups > 1 && (groups / maxInFlight) * this.#groupMs > maxWaitMs
  }

  /** Resolves with the request's outcome once its group is committed. Rejects with QueueFull, or with the group's error. */
  submit(request: Request): Promise<Result> {
    const { maxQueued, maxOfKey = maxQueued } = this.#options
    if (this.isBehind) return Promise.reject(new QueueFull('what waits already takes too long'))
    if (this.#queued >= maxQueued) return Promise.reject(new QueueFull('too many requests are waiting'))
    const key = this.#options.key(request)
    const queue = this.#queues.get(key)
    if (queue && queue.weight >= maxOfKey)
      return Promise.reject(new QueueFull(`too many requests of ${key} are waiting`))
    return new Promise((resolve, reject) => {
      const queued = { request, key, weight: this.#options.weight(request), resolve, reject }
      this.#queued += queued.weight
      if (queue) {
        queue.requests.push(queued)
        queue.weight += queued.weight
      } else {
        this.#queues.set(key, { requests: [queued], weight: queued.weight })
        this.#makeReady(queued)
      }
    })
  }

  #makeReady(queued: Queued<Request, Result>): void {
    this.#ready.push(queued)
    this.#readyWeight += queued.weight
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
      const queued = this.#ready.shift()!
      this.#queued -= queued.weight
      this.#readyWeight -= queued.weight
      queued.reject(new Overdue('the group before it failed, and it has waited too long for another'))
      this.#letGo(queued)
    }
  }

  /** The first that are ready, but at least one. */
  #nextGroup(): readonly Queued<Request, Result>[] {
    let count = 0
    let weight = 0
    do weight += this.#ready[count++]!.weight
    while (count < this.#ready.length && weight + this.#ready[count]!.weight <= this.#options.maxGroup)
    this.#queued -= weight
    this.#readyWeight -= weight
    return this.#ready.splice(0, count)
  }

  async #commit(group: readonly Queued<Request, Result>[]): Promise<void> {
    const begun = performance.now()
    try {
      const outcomes = await this.#options.run(group.map((queued) => queued.request))
      this.#groupMs = performance.now() - begun
      for (const [i, queued] of group.entries()) {
        const outcome = outcomes[i]!
        if (outcome instanceof Promise) void this.#continue(queued, outcome)
        else this.#answer(queued, outcome)
      }
    } catch (error) {
      // What is unavailable is to be called so, not slow.
      this.#groupMs = 0
      for (const queued of group) queued.reject(error)
      for (const queued of group) this.#letGo(queued)
      this.#refuseOverdue()
    }
    this.#inFlight--
    this.#start()
  }

  #answer(queued: Queued<Request, Result>, outcome: Result): void {
    queued.resolve(outcome)
    this.#letGo(queued)
  }

  async #continue(queued: Queued<Request, Result>, outcome: Promise<Result>): Promise<void> {
    try {
      this.#answer(queued, await outcome)
    } catch (error) {
      queued.reject(error)
      this.#letGo(queued, error)
    }
  }

  /** The next of its key is ready; after a failure, those for which it is too late are answered with it, in their order. */
  #letGo({ key }: Queued<Request, Result>, failure?: unknown): void {
    const queue = this.#queues.get(key)!
    takeFirst(queue)
    while (failure !== undefined && queue.requests[0] && this.#options.isOverdue?.(queue.requests[0].request)) {
      const late = takeFirst(queue)
      this.#queued -= late.weight
      late.reject(failure)
    }
    if (queue.requests[0]) this.#makeReady(queue.requests[0])
    else this.#queues.delete(key)
  }
}

function takeFirst<Request, Result>(queue: KeyQueue<Request, Result>): Queued<Request, Result> {
  const first = queue.requests.shift()!
  queue.weight -= first.weight
  return first
}
