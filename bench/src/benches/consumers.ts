// B8: what three more consumers cost: orders a second that are created and applied by all, with all five services, beside
// the cart and the order service alone.
import type { Bench } from '../bench.ts'
import { caughtUp } from '../caught-up.ts'
import { creating } from './creates.ts'

export const consumers: Bench = {
  id: 'B8',
  title: 'created and applied, 64 connections: all five services / the cart and the order service alone',
  aims: [{ of: 'ratio', atLeast: 0.5, before: 0.26 }],
  stacks: ['cart,order', 'all'],
  async open(bed) {
    const [few, all] = [bed.stack('cart,order'), bed.stack('all')]
    const side = (name: string, stack: typeof all) =>
      creating(name, bed, stack, { url: stack.url('cart'), connections: 64, applied: () => caughtUp(stack) })
    return { sides: [side('all five', all), side('cart and order', few)] }
  },
}
