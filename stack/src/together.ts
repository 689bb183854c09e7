import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { Stopped } from './failure.ts'

/** How long work that was told to stop is waited for. */
const patience = 1_500

/**
 * All results, like Promise.all; but when one fails the others are told to stop and waited for, so that none goes on
 * (a download, a process just launched) behind the back of whoever cleans up.
 */
export async function together<T extends readonly Promise<unknown>[]>(
  giveUp: AbortController,
  work: readonly [...T],
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  let why: unknown
  const guarded = work.map((one) =>
    one.catch((error: unknown) => {
      if (why === undefined || why instanceof Stopped) why = error
      giveUp.abort()
      throw error
    }),
  )
  const settled = Promise.allSettled(guarded)
  await Promise.race([settled, aborted(giveUp.signal).then(() => Promise.race([settled, pause(patience)]))])
  if (giveUp.signal.aborted) throw why ?? new Stopped()
  return (await Promise.all(work)) as { [K in keyof T]: Awaited<T[K]> }
}

const aborted = (signal: AbortSignal): Promise<unknown> => (signal.aborted ? Promise.resolve() : once(signal, 'abort'))
