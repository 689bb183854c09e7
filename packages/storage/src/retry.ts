// The one way to try again: backoff with full jitter, so that many who failed together do not come back together.
import { setTimeout as pause } from 'node:timers/promises'

interface Backoff {
  firstMs: number
  longestMs: number
}

interface RetryOptions extends Backoff {
  signal?: AbortSignal | undefined
  /** No attempt begins later than this (ms after the first). */
  deadlineMs?: number
  /** Told of each failure, with how many there were in a row. What it throws ends the retries. */
  onFailure?(error: unknown, failures: number): void
}

/** Anything below a ceiling that doubles with each failure in a row. */
export const backoffMs = (failures: number, { firstMs, longestMs }: Backoff): number =>
  Math.random() * Math.min(longestMs, firstMs * 2 ** (failures - 1))

/** Resolves after so long, or when `signal` aborts. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal }).catch(() => undefined)
}

/** What `work` gives, unless `signal` aborts before: then its reason is thrown, and nobody hears what becomes of `work`. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** What `work` gives when it succeeds; its last error at the deadline, or once `signal` has aborted. */
export async function retry<T>(
  work: () => Promise<T>,
  { signal, deadlineMs = Number.POSITIVE_INFINITY, onFailure, ...backoff }: RetryOptions,
): Promise<T> {
  const end = performance.now() + deadlineMs
  for (let failures = 1; ; failures++) {
    try {
      return await work()
    } catch (error) {
      if (signal?.aborted) throw error
      onFailure?.(error, failures)
      const waitMs = backoffMs(failures, backoff)
      if (performance.now() + waitMs >= end) throw error
      await sleep(waitMs, signal)
      if (signal?.aborted) throw error
    }
  }
}
