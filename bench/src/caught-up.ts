import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'

const consumers = ['order', 'inventory', 'billing', 'shipping']

/** Resolves when each consumer of the stack has applied all that is in the log. */
export async function caughtUp(stack: Stack): Promise<void> {
  const running = stack.parts().filter(({ name }) => consumers.includes(name))
  await Promise.all(
    running.map(({ name }) => until(`${name} has applied all`, () => hasAppliedAll(stack.url(name)), 600_000)),
  )
}

async function hasAppliedAll(url: string): Promise<boolean> {
  const { items } = (await (await fetch(`${url}/ops/positions`)).json()) as { items: { lag: number | null }[] }
  return items.length > 0 && items.every(({ lag }) => lag === 0)
}
