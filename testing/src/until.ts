import { setTimeout as pause } from 'node:timers/promises'

type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>

/**
 * Polls until `condition` gives something truthy, and returns that. Tests wait for conditions, never for times:
 * the limit (ms) is generous and only ends a test that has failed. A condition that throws counts as not yet.
 */
export async function until<T>(what: string, condition: () => T | Promise<T>, limit = 60_000): Promise<Truthy<T>> {
  const begun = performance.now()
  let last: unknown
  for (let waited = 0; waited < limit; waited = performance.now() - begun) {
    try {
      last = await condition()
      if (last) return last as Truthy<T>
    } catch (error) {
      last = error
    }
    // Fifty looks a second, for as long as it takes, take the processor from what they wait for.
    await pause(Math.min(Math.max(20, waited / 10), 250))
  }
  throw new Error(
    `not within ${limit} ms: ${what}; last seen: ${last instanceof Error ? last.stack : JSON.stringify(last)}`,
  )
}
