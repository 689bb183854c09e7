// node bench/src/compare.ts <another folder of this project> [services]: creates a second here and there, of two stacks
// side by side, in turns. A machine that drifts slows both, so the ratio of a pair holds where figures do not.
import { join, resolve } from 'node:path'
import { type Stack, startStack } from '@inorder/testing/stack.ts'
import { caughtUp } from './caught-up.ts'
import { createOrders } from './load.ts'
import { partsOf, perOrder, processorTime, told } from './processor-time.ts'
import { ratioOf } from './ratio.ts'

const [other, services] = process.argv.slice(2)
if (!other) throw new Error('which folder is this one to be compared with?')
const rounds = Number(process.env.BENCH_ROUNDS ?? 7)
const seconds = Number(process.env.BENCH_SECONDS ?? 6)
const connections = Number(process.env.BENCH_CONNECTIONS ?? 64)

const env = { LOG_LEVEL: 'warn', ...(services ? { INORDER_SERVICES: services } : {}) }
const sides: { name: string; stack: Stack; rounds: { value: number }[] }[] = []
const measure = async ({ name, stack }: (typeof sides)[number], round: number, duration = seconds) => {
  const before = processorTime(partsOf(stack))
  const load = await createOrders(stack.url('cart'), `${name}-${round}`, { seconds: duration }, connections)
  await caughtUp(stack)
  const us = told(perOrder(before, processorTime(partsOf(stack)), load.created))
  console.log(`  ${name.padEnd(6)} ${Math.round(load.perSecond)}/s   p50 ${load.p50} ms   p99 ${load.p99} ms   ${us}`)
  return { value: load.perSecond }
}

try {
  for (const [name, root] of [
    ['here', join(import.meta.dirname, '../..')],
    ['other', resolve(other)],
  ] as const)
    sides.push({ name, stack: await startStack({ root, env }), rounds: [] })
  console.log('warming up')
  for (const side of sides) await measure(side, 0, 15)

  for (let round = 1; round <= rounds; round++)
    for (const side of round % 2 ? sides : sides.toReversed()) side.rounds.push(await measure(side, round))
  const ratio = ratioOf(sides[0]!.rounds, sides[1]!.rounds)
  const pairs = ratio.rounds.map((pair) => pair.toFixed(2)).join(', ')
  console.log(`here / other, by pair: ${pairs}; median ${ratio.median.toFixed(2)}`)
} finally {
  await Promise.all(sides.map(({ stack }) => stack.stop()))
}
