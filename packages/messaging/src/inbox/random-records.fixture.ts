import fc from 'fast-check'
import type { ModelRecord } from './model.fixture.ts'

const event = (keys: readonly string[], unsavable: boolean) =>
  fc
    .record({
      key: fc.constantFrom(...keys),
      version: fc.integer({ min: 1, max: 6 }),
      twin: fc.boolean(),
      bad: fc.integer({ min: 0, max: 19 }),
    })
    .map(({ key, version, twin, bad }) => ({
      key,
      event: {
        id: `${key}-${version}${twin ? '-twin' : ''}${bad === 0 ? '-refused' : bad === 1 && unsavable ? '-unsavable' : ''}`,
        key,
        version,
        ...(bad === 0 && { refused: true }),
        ...(bad === 1 && unsavable && { unsavable: true }),
      },
    }))

/** Records of a few keys with duplicates, gaps, swaps, conflicts and poison, biased so that keys do get on. */
export function someRecords(options: { keys: readonly string[]; keyless: boolean; unsavable?: boolean }) {
  const { keys, keyless, unsavable = false } = options
  const run = fc
    .tuple(fc.constantFrom(...keys), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }))
    .map(([key, from, length]) =>
      Array.from({ length }, (_, n) => ({
        key,
        event: { id: `${key}-${from + n}`, key, version: from + n },
      })),
    )
  const poison = fc.constantFrom(...keys).map((key) => [{ key }])
  const nowhere = fc.constant([{ key: null }])
  const piece = fc.oneof(
    { weight: 6, arbitrary: run },
    { weight: 6, arbitrary: event(keys, unsavable).map((one) => [one]) },
    { weight: 1, arbitrary: poison },
    { weight: keyless ? 1 : 0, arbitrary: nowhere },
  )
  return fc
    .array(piece, { maxLength: 20 })
    .map((pieces): ModelRecord[] => pieces.flat().map((record, n) => ({ ...record, place: String(n) })))
}
