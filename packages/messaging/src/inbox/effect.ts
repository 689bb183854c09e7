// What a service says about its slow effects: `apply` returns them, and for each kind there is who performs them.
import type { Tx } from '@inorder/storage/transaction.ts'

/** As `apply` returns it. The payload is JSON, and holds what performing it needs: the state may be another by then. */
export interface Effect {
  readonly kind: string
  readonly payload: unknown
}

/** As it is stored: effects of a key are performed by version, then n, one after the other. */
export interface StoredEffect<Payload = unknown> {
  readonly key: string
  /** Of the event whose `apply` returned it. */
  readonly version: number
  /** From 1 on, in the order in which `apply` returned them. */
  readonly n: number
  /** `eventId:n`: at once its idempotency key. */
  readonly id: string
  readonly kind: string
  readonly payload: Payload
}

export interface Call {
  /** The effect's key as a header can hold it: the same at each attempt, so that the receiver does it once. */
  readonly idempotencyKey: string
  readonly signal: AbortSignal
}

/** How a service does effects of one kind. */
export interface EffectKind<Payload = unknown, Result = unknown> {
  /**
   * Outside of any transaction, once or more, until it resolves. What it throws decides: `EffectRefused` parks the effect
   * at once; `OutcomeUnknown`, what has not ended when `signal` aborts and any other error is tried again later, with the
   * same key. A "no" that the service can live with (a declined card) is a result.
   */
  perform(effect: StoredEffect<Payload>, call: Call): Promise<Result>
  /** Stores the result, in the transaction that removes the effect, with the key locked: once in effect. */
  settle(tx: Tx, effect: StoredEffect<Payload>, result: Result): Promise<void>
}

/** Thrown by `perform`: trying again would not help, a person has to look. The key's later effects wait behind it. */
export class EffectRefused extends Error {
  override readonly name = 'EffectRefused'
  /** A short stable slug. */
  override readonly cause: string

  constructor(cause: string, detail: string) {
    super(detail)
    this.cause = cause
  }
}

interface UnknownOptions {
  /** The receiver takes nothing from anybody now: that is its trouble, and no reason to park one effect of many. */
  readonly unavailable?: boolean
  /** The receiver asks to be left alone for so long. */
  readonly retryAfterMs?: number | undefined
}

/** Thrown by `perform`: the receiver may have done it or not. It is asked again with the same key, never taken for a "no". */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown'
  /** A short stable slug. */
  override readonly cause: string
  readonly unavailable: boolean
  readonly retryAfterMs: number

  constructor(cause: string, detail: string, { unavailable = false, retryAfterMs = 0 }: UnknownOptions = {}) {
    super(detail)
    this.cause = cause
    this.unavailable = unavailable
    this.retryAfterMs = retryAfterMs
  }
}
