import fc from 'fast-check'
import type { ModelRecord } from './model.fixture.ts'

const event = (orders: readonly string[], unsavable: boolean) =>
  fc
    .record({
      orderId: fc.constantFrom(...orders),
      version: fc.integer({ min: 1, max: 6 }),
      twin: fc.boolean(),
      bad: fc.integer({ min: 0, max: 19 }),
    })
    .map(({ orderId, version, twin, bad }) => ({
      orderId,
      event: {
        id: `${orderId}-${version}${twin ? '-twin' : ''}${bad === 0 ? '-refused' : bad === 1 && unsavable ? '-unsavable' : ''}`,
        orderId,
        version,
        ...(bad === 0 && { refused: true }),
        ...(bad === 1 && unsavable && { unsavable: true }),
      },
    }))

/** Records of a few orders with duplicates, gaps, swaps, conflicts and poison, biased so that orders do get on. */
export function someRecords(options: { orders: readonly string[]; orderless: boolean; unsavable?: boolean }) {
  const { orders, orderless, unsavable = false } = options
  const run = fc
    .tuple(fc.constantFrom(...orders), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }))
    .map(([orderId, from, length]) =>
      Array.from({ length }, (_, n) => ({
        orderId,
        event: { id: `${orderId}-${from + n}`, orderId, version: from + n },
      })),
    )
  const poison = fc.constantFrom(...orders).map((orderId) => [{ orderId }])
  const nowhere = fc.constant([{ orderId: null }])
  const piece = fc.oneof(
    { weight: 6, arbitrary: run },
    { weight: 6, arbitrary: event(orders, unsavable).map((one) => [one]) },
    { weight: 1, arbitrary: poison },
    { weight: orderless ? 1 : 0, arbitrary: nowhere },
  )
  return fc
    .array(piece, { maxLength: 20 })
    .map((pieces): ModelRecord[] => pieces.flat().map((record, n) => ({ ...record, place: String(n) })))
}
