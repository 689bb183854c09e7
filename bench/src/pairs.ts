// Creates a second of two stacks side by side, in turns. A machine that drifts slows both, so the ratio of a pair holds
// where figures do not. BENCH_ROUNDS, BENCH_SECONDS and BENCH_CONNECTIONS change how long it takes.
import { type Stack, startStack } from '@inorder/testing/stack.ts'
import { caughtUp } from './caught-up.ts'
import { createOrders } from './load.ts'
import { partsOf, perOrder, processorTime, told } from './processor-time.ts'
import { ratioOf } from './ratio.ts'

export interface PairSide {
  name: string
  /** Another folder of this project. */
  root?: string
  env?: Record<string, string>
}

interface Measured {
  stack: Stack
  name: string
  perSecond: { value: number }[]
  /** Of all but who makes the load. */
  microseconds: { value: number }[]
}

const rounds = Number(process.env.BENCH_ROUNDS ?? 7)
const seconds = Number(process.env.BENCH_SECONDS ?? 6)
const connections = Number(process.env.BENCH_CONNECTIONS ?? 64)

/** Starts both with `env`, and says what the pairs were. */
export async function comparePairs(pair: readonly [PairSide, PairSide], env: Record<string, string>): Promise<void> {
  const sides: Measured[] = []
  try {
    for (const { name, root, env: own } of pair) {
      const stack = await startStack({ ...(root && { root }), env: { ...env, ...own } })
      sides.push({ name, stack, perSecond: [], microseconds: [] })
    }
    console.log('warming up')
    for (const side of sides) await measure(side, 0, 15)
    for (const { perSecond, microseconds } of sides) perSecond.length = microseconds.length = 0
    for (let round = 1; round <= rounds; round++)
      for (const side of round % 2 ? sides : sides.toReversed()) await measure(side, round)
    const [one, other] = sides as [Measured, Measured]
    for (const what of ['perSecond', 'microseconds'] as const) {
      const ratio = ratioOf(one[what], other[what])
      const each = ratio.rounds.map((value) => value.toFixed(2)).join(', ')
      const title = what === 'perSecond' ? 'creates/s' : 'µs an order'
      console.log(`${one.name} / ${other.name}, ${title}, by pair: ${each}; median ${ratio.median.toFixed(2)}`)
    }
  } finally {
    await Promise.all(sides.map(({ stack }) => stack.stop()))
  }
}

async function measure({ name, stack, ...side }: Measured, round: number, duration = seconds): Promise<void> {
  const before = processorTime(partsOf(stack))
  const load = await createOrders(
    stack.url('cart'),
    `${name.replaceAll(/\W/g, '-')}-${round}`,
    { seconds: duration },
    connections,
  )
  await caughtUp(stack)
  const { generator: _, ...parts } = perOrder(before, processorTime(partsOf(stack)), load.created)
  side.perSecond.push({ value: load.perSecond })
  side.microseconds.push({ value: Object.values(parts).reduce((sum, us) => sum + us, 0) })
  console.log(
    `  ${name.padEnd(12)} ${Math.round(load.perSecond)}/s   p50 ${load.p50} ms   p99 ${load.p99} ms   ${told(parts)}`,
  )
}
