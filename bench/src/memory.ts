// node bench/src/memory.ts [orders]: the most memory that the cart and the order service take while so many orders go
// through both, and while all their ids are streamed.
import { readFileSync } from 'node:fs'
import { startStack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { createOrders } from './load.ts'

const orders = Number(process.argv[2] ?? 500_000)
const services = ['cart', 'order']
const stack = await startStack({ env: { INORDER_SERVICES: 'cart,order', LOG_LEVEL: 'warn' } })
const highest = new Map<string, number>()
const sample = setInterval(() => {
  for (const service of services) {
    const resident =
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${stack.pid(service)}/status`, 'utf8'))?.[1]) / 1024
    highest.set(service, Math.max(highest.get(service) ?? 0, resident))
  }
}, 500)
const show = (when: string) =>
  console.log(`${when}: ${services.map((s) => `${s} ${highest.get(s)?.toFixed(0)} MB at most`).join(', ')}`)
try {
  const load = await createOrders(stack.url('cart'), 'm', { amount: orders })
  show(`${load.created} orders created, ${load.perSecond.toFixed(0)}/s with the order service beside it`)
  const ids = `${stack.url('order')}/getAllOrderIdsFromTopic?topic=order-events`
  const lag = async () => {
    const { items } = (await (await fetch(`${stack.url('order')}/ops/positions`)).json()) as {
      items: { lag: number | null }[]
    }
    return items.reduce((sum, { lag }) => sum + (lag ?? Number.POSITIVE_INFINITY), 0)
  }
  await until('all are applied', async () => (await lag()) === 0, 600_000)
  show('all applied')
  for (let call = 1; call <= 3; call++) {
    let bytes = 0
    for await (const chunk of (await fetch(ids)).body ?? []) bytes += chunk.length
    show(`${bytes} bytes of ids streamed`)
  }
} finally {
  clearInterval(sample)
  await stack.stop()
}
