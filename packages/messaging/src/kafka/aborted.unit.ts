import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type AbortedTransaction, AbortedTransactions } from './aborted.ts'
import type { LogBatch } from './log-batch.ts'

interface Step {
  producer: number
  kind: 'write' | 'commit' | 'abort' | 'plain'
}

/** What a log holds after these steps: its batches, which of them are aborted, and the broker's index of that. */
function logOf(steps: readonly Step[]) {
  const open = new Map<number, LogBatch[]>()
  const batches: LogBatch[] = []
  const aborted = new Set<LogBatch>()
  const index: (AbortedTransaction & { last: bigint })[] = []
  for (const { producer, kind } of steps) {
    const firstOffset = BigInt(batches.length * 3)
    const ofTransaction = open.get(producer) ?? []
    if ((kind === 'commit' || kind === 'abort') && ofTransaction.length === 0) continue
    const batch = batchOf(firstOffset, kind === 'plain' ? 100 + producer : producer, kind)
    batches.push(batch)
    if (kind === 'write') open.set(producer, [...ofTransaction, batch])
    if (kind === 'abort') {
      for (const one of ofTransaction) aborted.add(one)
      index.push({ producerId: batch.producerId, firstOffset: ofTransaction[0]!.firstOffset, last: firstOffset })
    }
    if (kind === 'commit' || kind === 'abort') open.delete(producer)
  }
  const stable = [...open.values()].map(([first]) => first!.firstOffset).sort((a, b) => Number(a - b))[0]
  return { batches: batches.filter(({ firstOffset }) => firstOffset < (stable ?? 2n ** 60n)), aborted, index }
}

function batchOf(firstOffset: bigint, producer: number, kind: Step['kind']): LogBatch {
  const marker = kind === 'commit' || kind === 'abort'
  const key = Buffer.from([0, 0, 0, kind === 'commit' ? 1 : 0])
  const attributes = kind === 'plain' ? 0 : 16 | (marker ? 32 : 0)
  const records = marker ? [{ key }] : []
  return { firstOffset, lastOffsetDelta: marker ? 0 : 2, producerId: BigInt(producer), attributes, records } as never
}

test('of any log, read in any pieces, exactly the aborted batches are held', () => {
  const step = fc.record({ producer: fc.nat(3), kind: fc.constantFrom('write', 'write', 'commit', 'abort', 'plain') })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 20 }), fc.nat(5), (steps, piece, skip) => {
      const { batches, aborted, index } = logOf(steps as Step[])
      for (let n = skip; n < batches.length; n += piece) {
        const some = batches.slice(n, n + piece)
        const [from, to] = [some[0]!.firstOffset, some.at(-1)!.firstOffset + 3n]
        // As the broker answers: all that touch the piece, in the order of their ends.
        const named = index.filter((one) => one.last >= from && one.firstOffset < to)
        const decided = new AbortedTransactions(named)
        for (const batch of some) {
          if ((batch.attributes & 32) !== 0) decided.marker(batch)
          else
            assert.equal(decided.hold(batch), aborted.has(batch), `offset ${batch.firstOffset} of a piece from ${from}`)
        }
      }
    }),
    { numRuns: 2_000 },
  )
})
