// B7: what is left of the cart when three times as much arrives as it can take. A client gives up after `patience`: an
// answer that comes later is none. The best is that of the same generator with a connection free at once for the next.
import { until } from '@inorder/testing/until.ts'
import type { Bench } from '../bench.ts'
import { caughtUp } from '../caught-up.ts'
import { goodput } from '../goodput.ts'
import { createOpenLoop } from '../open-loop.ts'

const times = 3
const patience = 3_000
/** Seconds before the figures begin: in the first `patience` of an overload no answer can be late. */
const ramp = 4
/** As many as there are clients, each with a connection that is open before, and opened again when it is refused. */
const clients = 4_000

export const overload: Bench = {
  id: 'B7',
  title: `answers of 201 within ${patience / 1_000} s: at ${times} times what the cart can take / at its best`,
  aims: [{ of: 'ratio', atLeast: 0.9 }],
  stacks: ['cart,order'],
  async open(bed) {
    const stack = bed.stack('cart,order')
    const url = stack.url('cart')
    const closed = async (prefix: string, connections: number, seconds: number) => {
      const answers = await createOpenLoop(url, prefix, { perSecond: Number.POSITIVE_INFINITY, seconds, connections })
      return goodput(answers, 0, seconds * 1_000, patience)
    }
    await closed('b7-warm', 64, 3)
    const found: { connections: number; perSecond: number }[] = []
    for (const connections of [32, 64, 128, 256])
      found.push({ connections, perSecond: (await closed(`b7-${connections}`, connections, 2)).figures.value })
    let best = found.toSorted((a, b) => b.perSecond - a.perSecond)[0]!
    console.log(`  at its best with ${best.connections} connections, ${Math.round(best.perSecond)} orders/s`)
    await caughtUp(stack)
    return {
      sides: [
        {
          name: `at ${times} times`,
          unit: 'orders/s',
          async run({ label, seconds }) {
            const perSecond = times * best.perSecond
            const whole = ramp + seconds
            const meter = bed.meter(stack)
            const answers = await createOpenLoop(url, label, { perSecond, seconds: whole, connections: clients })
            const { figures, refused, late } = goodput(answers, ramp * 1_000, whole * 1_000, patience)
            const round = meter(figures, answers.filter(({ status }) => status === 201).length)
            await until('the cart is through with it', () => answersSoon(url, label))
            console.log(`  ${Math.round(perSecond)}/s arrive: ${percent(refused)} are refused, ${percent(late)} late`)
            await caughtUp(stack)
            return round
          },
        },
        {
          name: 'at its best',
          unit: 'orders/s',
          async run({ label, seconds }) {
            const meter = bed.meter(stack)
            const { figures } = await closed(label, best.connections, seconds)
            best = { ...best, perSecond: figures.value }
            const round = meter(figures, figures.value * seconds)
            await caughtUp(stack)
            return round
          },
        },
      ],
    }
  },
}

/** What clients gave up is still under way when the generator ends. */
async function answersSoon(url: string, prefix: string): Promise<boolean> {
  const some = await createOpenLoop(url, `${prefix}-${Date.now()}`, { perSecond: 50, seconds: 0.2, connections: 10 })
  return some.every(({ due, at, status }) => status === 201 && at - due < 300)
}

const percent = (share: number) => `${Math.round(share * 100)} %`
