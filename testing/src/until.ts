import { setTimeout as pause } from 'node:timers/promises'

type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>

/**
 * Polls until `condition` gives something truthy, and returns that. Tests wait for conditions, never for times:
 * the limit (ms) is generous and only ends a test that has failed. A condition that throws counts as not yet.
 */
export async function until<T>(what: string, condition: () => T | Promise<T>, limit = 60_000): Promise<Truthy<T>> {
  const end = performance.now() + limit
  let last: unknown
  while (performance.now() < end) {
    try {
      last = await condition()
      if (last) return last as Truthy<T>
    } catch (error) {
      last = error
    }
    await pause(20)
  }
  throw new Error(
    `not within ${limit} ms: ${what}; last seen: ${last instanceof Error ? last.stack : JSON.stringify(last)}`,
  )
}
