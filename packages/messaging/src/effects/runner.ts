// Performs the stored effects: in order for each key, many keys side by side, in any number of instances.
//
//   stored -> behind     another effect of its key comes first
//          -> due        claimed by one instance, for as long as the lease lasts
//          -> running    -> done: its result is stored and it is removed, to be shown for some days, in one transaction; the
//                           next one is due
//                        -> due again, after a while: it failed, or its instance was not heard of until the lease ended
//                        -> parked: refused, or its outcome stays unknown; the key's later ones wait for a person
import { setTimeout as pause } from 'node:timers/promises'
import { GroupCommit } from '@inorder/storage/group-commit.ts'
import { backoffMs, sleep, unlessAborted } from '@inorder/storage/retry.ts'
import { transaction } from '@inorder/storage/transaction.ts'
import { WokenLoop } from '@inorder/storage/woken-loop.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { type EffectKind, OutcomeUnknown } from '../inbox/effect.ts'
import { traceEffect } from '../kafka/spans.ts'
import { logChanges } from '../outbox/log-changes.ts'
import { doneExpiry } from './done.ts'
import { headerKey } from './header-key.ts'
import { type EffectMetrics, effectMetrics } from './metrics.ts'
import { EffectOperator, type EffectOps } from './operator.ts'
import { type Claim, claimEffects, giveBack, giveUp, removeClaimed, storedEffects } from './store.ts'
import { KindsAtWork, verdictOf } from './verdict.ts'

export interface EffectRunnerOptions {
  pool: Pool
  /** Each kind that `apply` returns. */
  kinds: Readonly<Record<string, EffectKind>>
  logger: Logger
  metrics: Registry
  /** How many are performed at once. */
  concurrency?: number
  /** Longest time of one attempt (ms). The lease is 2 s longer: after a kill, what was running waits as long. */
  deadlineMs?: number
  /** An outcome that has been unknown for so long (ms) is parked. */
  parkAfterMs?: number
  /** For so many days what is done is shown. */
  keepDays?: number
}

/** Time to store a result after the longest attempt. */
const leaseBeyondMs = 2_000
/** What other instances stored, what is to be tried again, what a dead instance had: seen after so long. */
const pollMs = 500
const backoff = { firstMs: 500, longestMs: 30_000 }
/** A receiver's Retry-After counts up to this. */
const longestRetryAfterMs = 60_000
/**
 * After a failure its place is not given to another effect at once: otherwise, with the receiver unavailable and much to do,
 * 100 places would try as fast as they can be refused.
 */
const pauseMs = 1_000
/** What runs at the end has this long, then it is given back: the next instance takes it, with the same key. */
const closeWithinMs = 1_000

interface Settlement {
  claim: Claim
  result: unknown
}

/** Without the payload. */
const changeOf = ({ key, version, kind, requestId, traceparent }: Claim) => ({
  key,
  version,
  kind,
  requestId,
  traceparent,
})

export class EffectRunner {
  /** What is parked or fails, and what an operator may do with it. */
  readonly ops: EffectOps
  readonly #options: Required<EffectRunnerOptions>
  readonly #metrics: EffectMetrics
  readonly #running = new Map<Promise<void>, AbortController>()
  readonly #settlements: GroupCommit<Settlement, boolean>
  /** Kinds that failed last: the log is told of the first failure, not of each. */
  readonly #failing = new Set<string>()
  readonly #atWork = new KindsAtWork()
  readonly #loop = new WokenLoop(pollMs, () => this.#claim())
  readonly #expiry: WokenLoop

  constructor(options: EffectRunnerOptions) {
    this.#options = { concurrency: 100, deadlineMs: 5_000, parkAfterMs: 600_000, keepDays: 30, ...options }
    this.ops = new EffectOperator(options.pool, options.logger, () => this.wake())
    this.#expiry = doneExpiry(options.pool, options.logger, this.#options.keepDays)
    this.#metrics = effectMetrics(options.metrics, {
      running: () => this.#running.size,
      stored: () => storedEffects(options.pool),
    })
    this.#settlements = new GroupCommit({
      key: ({ claim }) => claim.key,
      weight: () => 1,
      run: (group) => this.#settle(group),
      maxGroup: 100,
      maxInFlight: 2,
      maxQueued: 2 * this.#options.concurrency,
    })
  }

  start(): void {
    this.#loop.start()
    this.#expiry.start()
  }

  /** Something may be due: called after a commit that stored effects. */
  wake(): void {
    this.#loop.wake()
  }

  /** Claims no more; what runs may end, or is given back. */
  async close(): Promise<void> {
    await this.#loop.close()
    await this.#expiry.close()
    const ended = Promise.all(this.#running.keys())
    await Promise.race([ended, pause(closeWithinMs, undefined, { ref: false })])
    for (const attempt of this.#running.values()) attempt.abort(new Error('the instance ends'))
    await ended
  }

  async #claim(): Promise<void> {
    const { pool, logger } = this.#options
    try {
      const places = this.#options.concurrency - this.#running.size
      const claims = places > 0 ? await claimEffects(pool, places, this.#options.deadlineMs + leaseBeyondMs) : []
      for (const claim of claims) this.#attempt(claim)
    } catch (error) {
      logger.warn(
        { err: error },
        'no effects can be claimed: the database does not answer as it should, and is asked again',
      )
    }
  }

  #attempt(claim: Claim): void {
    const attempt = new AbortController()
    const ended = this.#performAndSettle(claim, attempt).finally(() => {
      this.#running.delete(ended)
      this.wake()
    })
    this.#running.set(ended, attempt)
  }

  async #performAndSettle(claim: Claim, attempt: AbortController): Promise<void> {
    const { kind } = claim
    const observe = this.#metrics.seconds.startTimer({ kind })
    let settling = false
    try {
      const result = await traceEffect(claim, () => this.#perform(claim, attempt))
      settling = true
      const done = await this.#settlements
        .submit({ claim, result })
        // Of a group that the database refuses each is tried by itself, so that one bad result fails no other.
        .catch(async () => (await this.#settle([{ claim, result }]))[0])
      this.#failing.delete(kind)
      this.#atWork.done(kind)
      this.#metrics.attempts.inc({ kind, outcome: done ? 'done' : 'late' })
      observe()
    } catch (error) {
      observe()
      await this.#failed(claim, attempt, error, settling)
    }
  }

  /** Rejects at the deadline, whether or not `perform` heeds its signal. */
  async #perform(claim: Claim, attempt: AbortController): Promise<unknown> {
    const late = new OutcomeUnknown('no-answer', `no result within ${this.#options.deadlineMs} ms`, {
      unavailable: true,
    })
    const timer = setTimeout(() => attempt.abort(late), this.#options.deadlineMs)
    const { signal } = attempt
    const call = { idempotencyKey: headerKey(claim.id), signal }
    try {
      return await unlessAborted(
        Promise.try(() => this.#kindOf(claim).perform(claim, call)),
        signal,
      )
    } finally {
      clearTimeout(timer)
    }
  }

  #kindOf({ kind }: Claim): EffectKind {
    const known = this.#options.kinds[kind]
    // Tried again, not parked: an instance of the next release knows it.
    if (!known)
      throw new OutcomeUnknown('unknown-kind', `no effect of the kind ${kind} is known here`, { unavailable: true })
    return known
  }

  /** One transaction. Says for each whether it was still ours; if not, its result changes nothing. */
  async #settle(group: readonly Settlement[]): Promise<boolean[]> {
    const { pool, logger } = this.#options
    const claims = group.map(({ claim }) => claim)
    const removed = await transaction(pool, async (tx) => {
      const ours = await removeClaimed(tx, claims)
      for (const { claim, result } of group) {
        if (ours.has(claim)) await this.#kindOf(claim).settle(tx, claim, result)
      }
      return ours
    })
    logChanges(logger, [...removed], changeOf, 'effect done')
    return claims.map((claim) => removed.has(claim))
  }

  async #failed(claim: Claim, attempt: AbortController, error: unknown, settling: boolean): Promise<void> {
    const { pool, logger } = this.#options
    const { key, id: effect, kind, attempt: attempts } = claim
    const { fault, park, retryAfterMs } = verdictOf(error, settling)
    let became: 'again' | 'parked' | 'late' = 'again'
    try {
      if (this.#loop.closing) return await giveBack(pool, claim)
      const waitMs = backoffMs(attempts, backoff)
      const inTime = park === 'in time' || (park === 'alone' && this.#atWork.for(kind, this.#options.parkAfterMs))
      became = await giveUp(pool, claim, {
        fault,
        againMs: Math.max(waitMs, Math.min(retryAfterMs, longestRetryAfterMs)),
        parkNow: park === 'now',
        parkAfterMs: inTime ? this.#options.parkAfterMs : null,
        parkIfEqual: park === 'third equal',
      })
      this.#metrics.attempts.inc({ kind, outcome: became })
    } catch (giveUpError) {
      logger.debug({ err: giveUpError, key, effect }, 'an effect stays ours until its lease ends')
    }
    if (became === 'parked') {
      const alarm = 'effect-parked'
      logger.warn(
        { alarm, key, effect, kind, attempts, ...fault },
        'an effect was parked: the later ones of its key wait until an operator decides, see GET /ops/effects/{key}',
      )
    }
    // What our own code does wrong with one effect says nothing of the receiver, and holds up nobody else.
    if (became !== 'again' || park === 'third equal') return
    if (!this.#failing.has(kind))
      logger.warn({ err: error, key, effect, kind }, 'effects of this kind fail, and are tried again with backoff')
    this.#failing.add(kind)
    await sleep(Math.random() * pauseMs, attempt.signal)
  }
}
