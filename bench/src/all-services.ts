// All services at work: what the cart takes meanwhile, and how long after the last order each consumer has applied all.
import { startStack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { createOrders, type Load } from './load.ts'
import { perOrder, processorTime } from './processor-time.ts'

const consumers = ['order', 'inventory', 'billing', 'shipping']

export interface Round {
  load: Load
  /** Seconds after the last answer, by consumer. */
  behind: Record<string, number>
  /** Until all have applied it. */
  processorTime: string
}

export async function allServices(rounds: number, seconds: number, connections: number): Promise<Round[]> {
  const stack = await startStack({ env: { LOG_LEVEL: 'warn' } })
  try {
    const results: Round[] = []
    await createOrders(stack.url('cart'), 'warm', { seconds: 3 }, connections)
    for (let round = 1; round <= rounds; round++) {
      const before = processorTime(stack)
      const load = await createOrders(stack.url('cart'), `all-${round}`, { seconds }, connections)
      const ended = performance.now()
      const behind = consumers.map(async (name): Promise<[string, number]> => {
        await until(`${name} has applied all`, () => caughtUp(stack.url(name)), 600_000)
        return [name, (performance.now() - ended) / 1_000]
      })
      const times = Object.fromEntries(await Promise.all(behind))
      results.push({ load, behind: times, processorTime: perOrder(before, processorTime(stack), load.created) })
    }
    return results
  } finally {
    await stack.stop()
  }
}

/** Whether a consumer has applied all that is in the log. */
export async function caughtUp(url: string): Promise<boolean> {
  const { items } = (await (await fetch(`${url}/ops/positions`)).json()) as { items: { lag: number | null }[] }
  return items.length > 0 && items.every(({ lag }) => lag === 0)
}
