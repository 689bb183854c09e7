// What a failed attempt means for its effect.
import { sqlFault } from '@inorder/storage/transaction.ts'
import { EffectRefused, OutcomeUnknown } from '../inbox/effect.ts'
import { type Fault, faultOf } from '../kafka/event.ts'

export interface Verdict {
  readonly fault: Fault
  /**
   * When it is parked: `now`; `third equal`: it failed like this twice before; `in time`: it has failed so for some minutes;
   * `alone`: the same, and meanwhile others of its kind were done.
   */
  readonly park: 'now' | 'third equal' | 'in time' | 'alone'
  readonly retryAfterMs: number
}

/** `settling`: the receiver has answered, and the answer could not be stored. */
export function verdictOf(error: unknown, settling: boolean): Verdict {
  const verdict = (cause: string, park: Verdict['park'], retryAfterMs = 0): Verdict => ({
    fault: faultOf(cause, error),
    park,
    retryAfterMs,
  })
  if (error instanceof EffectRefused) return verdict(error.cause, 'now')
  if (error instanceof OutcomeUnknown)
    return verdict(error.cause, error.unavailable ? 'alone' : 'in time', error.retryAfterMs)
  if (settling && sqlFault(error) === 'row') return verdict('constraint', 'now')
  if (isMistake(error)) return { ...verdict('our-fault', 'third equal'), fault: faultOf('our-fault', String(error)) }
  return verdict('failed', 'alone')
}

/** Our own code, which fails the same each time. What `fetch` throws when it gets no answer is a TypeError with a cause. */
const isMistake = (error: unknown): boolean =>
  [TypeError, RangeError, SyntaxError, ReferenceError, URIError].some((kind) => error instanceof kind) &&
  (error as Error).cause === undefined

/** Longer without a success, and others of the kind do not count as being done. */
const longestGapMs = 60_000

/** Since when effects of each kind have been done, in this instance. */
export class KindsAtWork {
  readonly #kinds = new Map<string, { since: number; last: number }>()

  done(kind: string): void {
    const now = performance.now()
    const before = this.#kinds.get(kind)
    const since = before && now - before.last < longestGapMs ? before.since : now
    this.#kinds.set(kind, { since, last: now })
  }

  /** Others were done all along: what fails is not the receiver. */
  for(kind: string, ms: number): boolean {
    const now = performance.now()
    const known = this.#kinds.get(kind)
    return known !== undefined && now - known.last < longestGapMs && now - known.since >= ms
  }
}
