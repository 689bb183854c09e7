// Any history of an inbox: a log as it may really lie in Kafka, and what happens while it is read. Plain data: fast-check
// prints and shrinks it. Numbers that choose among things (a key, a parked record) are taken modulo how many there are.
import fc from 'fast-check'
import { type DiscardOf, junks, type ModelEvent, type ModelRecord, nowhereName } from './model.fixture.ts'

export const repairs = [1, 2, 3]
/** The last one has the very name under which the log's first record is kept, which has no key. */
export const keys = ['a', 'b', nowhereName('0')]
export const causes = ['apply-failed', 'constraint', 'undecodable', 'unknown-schema', 'gap', 'conflict', 'no-key']

export type Action =
  | { do: 'batch'; take: number; back: number }
  | { do: 'redrive'; name: number; dry: boolean }
  | { do: 'discard'; name: number; target: number; how: DiscardOf }

export type Step =
  /** `killedAt`: before this statement of it its session ends. */
  | (Action & { killedAt?: number })
  | { do: 'redriveAll'; cause: string; dry: boolean }
  | { do: 'repair'; repair: number }
  | { do: 'restart' }
  /** The position is set back, as after a restored log. */
  | { do: 'rewind'; by: number }
  /** A stream that starts ahead of the position. */
  | { do: 'hole' }
  /** After a repair: before this statement of the first the second begins, and gets as far as the first's locks let it. */
  | { do: 'meet'; repair: number; first: Action; second: Action; at: number }

export interface History {
  log: ModelRecord[]
  steps: Step[]
}

const often = <T>(weight: number, ...values: T[]) => ({ weight, arbitrary: fc.constantFrom(...values) })

const piece = fc.record(
  {
    which: fc.nat(keys.length - 1),
    /** Its version, seen from what its key's log holds already. */
    move: fc.oneof(
      often(10, 'next' as const),
      often(5, 'fill' as const, 'again' as const, 'ahead' as const),
      often(3, 'twin' as const, 'back' as const, 'same id' as const),
    ),
    kind: fc.oneof(
      often(24, 'fine' as const),
      often(10, 'refused' as const, 'unsavable' as const, 'schema' as const),
      often(3, 'stray' as const, 'no key' as const, ...junks),
    ),
    repair: fc.constantFrom(...repairs),
    unknownToo: fc.oneof(often(4, false), often(1, true)),
    /** Offsets before it that hold no record. */
    skip: fc.oneof(often(6, 0), often(1, 1, 2)),
  },
  { noNullPrototype: true },
)
type Piece = typeof piece extends fc.Arbitrary<infer Value> ? Value : never

const unframed = ['no key', 'text', 'tombstone', 'empty']

function logOf(pieces: readonly Piece[]): ModelRecord[] {
  const made = keys.map((): ModelEvent[] => [])
  const log: ModelRecord[] = [{ place: '0', key: null }]
  let offset = 0
  for (const { which, move, kind, repair, unknownToo, skip } of pieces) {
    offset += 1 + skip
    const key = keys[which]!
    const events = made[which]!
    const framed = !unframed.includes(kind)
    const record = {
      place: String(offset),
      key,
      ...(framed && (kind === 'schema' || unknownToo) && { schema: repair }),
    }
    const top = events.length
    const missing = Array.from({ length: top }, (_, n) => n + 1).find((version) => !events[version - 1])
    const versions = { next: top + 1, fill: missing ?? top + 1, again: top, twin: top, back: top - 1, ahead: top + 2 }
    const version = Math.max(1, move === 'same id' ? top + 1 : versions[move])
    const known = move === 'twin' ? undefined : events[version - 1]
    const before = events[top - 1]
    const id = move === 'same id' && before && !before.repair ? before.id : `${key}-${version}`
    const bad = kind === 'refused' || kind === 'unsavable'
    const event = known ?? {
      // Its id says what the database thinks of it: that is all it gets to see.
      id: `${id}${move === 'twin' ? '-twin' : ''}${bad ? `-${kind}-${repair}` : ''}`,
      key,
      version,
      ...(bad && { [kind]: true, repair }),
    }
    if (kind === 'no key') log.push({ place: record.place, key: null })
    else if (kind === 'stray') log.push({ ...record, event: { ...event, key: keys[(which + 1) % 2]! } })
    else if (junks.some((junk) => junk === kind)) log.push({ ...record, junk: kind as (typeof junks)[number] })
    else {
      log.push({ ...record, event })
      if (move !== 'twin') events[version - 1] = event
    }
  }
  return log
}

/** Keys that are held come first. */
const name = fc.oneof(often(1, 0), { weight: 1, arbitrary: fc.nat(9) })
const batch = fc.record({
  do: fc.constant('batch' as const),
  take: fc.integer({ min: 1, max: 6 }),
  back: fc.oneof(often(3, 0), often(1, 1, 3)),
})
const redrive = fc.record({ do: fc.constant('redrive' as const), name, dry: fc.oneof(often(3, false), often(1, true)) })
const discard = fc.record({
  do: fc.constant('discard' as const),
  name,
  target: fc.oneof(often(3, 0), { weight: 2, arbitrary: fc.nat(9) }),
  how: fc.constantFrom<DiscardOf>('', 'skip', 'drop'),
})
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: batch },
  { weight: 2, arbitrary: redrive },
  { weight: 2, arbitrary: discard },
)
const killed = fc.tuple(action, fc.nat(16)).map(([one, killedAt]): Step => ({ ...one, killedAt }))
const byHand = fc.oneof(redrive, discard)
const meeting = fc
  .tuple(
    fc.oneof(fc.tuple(batch, byHand), fc.tuple(byHand, batch), fc.tuple(action, action)),
    fc.constantFrom(...repairs),
    fc.integer({ min: 3, max: 10 }),
  )
  .map(([[first, second], repair, at]): Step => ({ do: 'meet', repair, first, second, at }))
const redriveAll = fc.record({
  do: fc.constant('redriveAll' as const),
  cause: fc.constantFrom(...causes),
  dry: fc.boolean(),
})

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: batch },
  { weight: 4, arbitrary: redrive },
  { weight: 5, arbitrary: discard },
  { weight: 2, arbitrary: redriveAll },
  { weight: 3, arbitrary: fc.constantFrom(...repairs).map((repair) => ({ do: 'repair' as const, repair })) },
  { weight: 1, arbitrary: fc.constantFrom({ do: 'restart' as const }, { do: 'hole' as const }) },
  { weight: 1, arbitrary: fc.nat(8).map((by) => ({ do: 'rewind' as const, by })) },
  { weight: 3, arbitrary: killed },
  { weight: 5, arbitrary: meeting },
)

export const someHistory: fc.Arbitrary<History> = fc.record(
  {
    log: fc.array(piece, { maxLength: 24, size: 'max' }).map(logOf),
    steps: fc.array(step, { maxLength: 16, size: 'max' }),
  },
  { noNullPrototype: true },
)
