// node bench/src/compare.ts <another folder of this project> [services]: creates a second here and there, of two stacks
// side by side, in turns. A machine that drifts slows both, so the ratio of a pair holds where figures do not.
import { join, resolve } from 'node:path'
import { type Stack, startStack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import { caughtUp } from './all-services.ts'
import { createOrders } from './load.ts'
import { median } from './median.ts'
import { perOrder, processorTime } from './processor-time.ts'

const [other, services] = process.argv.slice(2)
if (!other) throw new Error('which folder is this one to be compared with?')
const rounds = Number(process.env.BENCH_ROUNDS ?? 7)
const seconds = Number(process.env.BENCH_SECONDS ?? 6)
const connections = Number(process.env.BENCH_CONNECTIONS ?? 64)

const env = { LOG_LEVEL: 'warn', ...(services ? { INORDER_SERVICES: services } : {}) }
const sides: { name: string; stack: Stack }[] = []
const measure = async ({ name, stack }: (typeof sides)[number], round: number, duration = seconds) => {
  const before = processorTime(stack)
  const load = await createOrders(stack.url('cart'), `${name}-${round}`, { seconds: duration }, connections)
  const consumers = stack.parts().filter((part) => ['order', 'inventory', 'billing', 'shipping'].includes(part.name))
  for (const consumer of consumers)
    await until(`${consumer.name} has applied all`, () => caughtUp(stack.url(consumer.name)), 600_000)
  const us = perOrder(before, processorTime(stack), load.created)
  console.log(`  ${name.padEnd(6)} ${Math.round(load.perSecond)}/s   p50 ${load.p50} ms   p99 ${load.p99} ms   ${us}`)
  return load.perSecond
}

try {
  for (const [name, root] of [
    ['other', resolve(other)],
    ['here', join(import.meta.dirname, '../..')],
  ] as const)
    sides.push({ name, stack: await startStack({ root, env }) })
  console.log('warming up')
  for (const side of sides) await measure(side, 0, 15)

  const ratios: number[] = []
  for (let round = 1; round <= rounds; round++) {
    const perSecond: Record<string, number> = {}
    for (const side of round % 2 ? sides : sides.toReversed()) perSecond[side.name] = await measure(side, round)
    ratios.push(perSecond.here! / perSecond.other!)
  }
  const told = ratios.map((ratio) => ratio.toFixed(2)).join(', ')
  console.log(`here / other, by pair: ${told}; median ${median(ratios).toFixed(2)}`)
} finally {
  await Promise.all(sides.map(({ stack }) => stack.stop()))
}
