// B2: what the database costs: the cart, beside the same route that keeps nothing and only publishes.
import { firstLine } from '../bed.ts'
import type { Bench } from '../bench.ts'
import { creating, newTopic } from './creates.ts'

export const noDatabase: Bench = {
  id: 'B2',
  title: 'the cart / the same route without a database, 64 connections',
  aims: [{ of: 'ratio', atLeast: 0.3, before: 0.14 }],
  stacks: ['cart'],
  async open(bed) {
    const stack = bed.stack('cart')
    const { topic, admin } = await newTopic(stack)
    await admin.close()
    const [kafka, registry] = [stack.address('kafka'), stack.address('registry')]
    const url = await firstLine(bed.node('cart', 'programs/no-database-cart.ts', [kafka, registry, topic]))
    return {
      sides: [
        creating('inorder', bed, stack, { url: stack.url('cart'), connections: 64 }),
        creating('without a database', bed, stack, { url, connections: 64 }),
      ],
    }
  },
}
