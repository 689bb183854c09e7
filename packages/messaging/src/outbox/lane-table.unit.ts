import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesOf, type Chunk, type Command, type Lane, LaneTable } from './lane-table.ts'
import { World } from './lane-world.fixture.ts'
import type { AddedRow } from './outbox.ts'
import type { LaneRows } from './store.ts'

const numRuns = Number(process.env.LANE_HISTORIES ?? 300)
const seed = process.env.LANE_SEED === undefined ? {} : { seed: Number(process.env.LANE_SEED) }

test('rules 9, 10 and 24: whatever happens, and whenever, each key goes out in order and nothing is left', () => {
  let fromMemory = 0
  fc.assert(
    fc.property(fc.array(fc.nat(9_999), { minLength: 20, maxLength: 200, size: 'max' }), (choices) => {
      const world = new World()
      for (const choice of choices) world.step(choice)
      world.settle()
      fromMemory += world.fromMemory
    }),
    { numRuns, ...seed, endOnFailure: process.env.LANE_SHRINK === 'no' },
  )
  assert.ok(fromMemory > numRuns, `${fromMemory} rows of ${numRuns} histories went out from memory`)
})

const bytes100 = (id: number, more: Partial<AddedRow> = {}): AddedRow => ({
  eventId: `e${id}`,
  topic: 't',
  hash: 0,
  key: null,
  value: null,
  fingerprint: null,
  headers: '{}',
  bytes: 100,
  origin: '',
  after: null,
  ...more,
})
const nothing: LaneRows = { rows: [], more: false, aside: [] }

/** One lane, and what it is told to do. */
function oneLane() {
  const table = new LaneTable(new Map([['t', 1]]))
  const [lane] = table.lanes as [Lane]
  const read = (found: Partial<LaneRows>) =>
    table.on({ type: 'read', lanes: [lane], found: [{ ...nothing, ...found }], complete: undefined })
  return { table, lane, read }
}
const sent = (commands: readonly Command[]): Chunk[] => commands.flatMap((c) => (c.do === 'send' ? c.chunks : []))
const eventsOf = (chunks: readonly Chunk[]) => chunks.flatMap(({ rows }) => rows.map(({ eventId }) => eventId))

test('rule 9: whatever the broker takes at most, all that fits goes out in order and only what does not is set aside', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 2, max: 400_000 }), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1_000, max: 1_048_588 }),
      (sizes, limit) => {
        const { table, lane, read } = oneLane()
        const rows = sizes.map((bytes, id) => bytes100(id, { bytes }))
        const out: unknown[] = []
        const aside: unknown[] = []
        let commands = table.on({ type: 'woken' })
        for (let steps = 0, left = rows; left.length > 0; steps++) {
          assert.ok(steps < 6 * rows.length + 120, 'it ends')
          const [command] = commands as [Command]
          if (command.do === 'read') {
            const fits = (_: AddedRow, i: number) => i === 0 || bytesOf(left.slice(0, i + 1)) <= lane.maxBytes
            const some = left.filter(fits)
            commands = read({ rows: some, more: some.length < left.length })
          } else if (command.do === 'set aside') {
            aside.push(...command.chunk.rows)
            left = left.slice(1)
            commands = table.on({ type: 'retry', lane, failures: lane.failures })
          } else if (command.do === 'send') {
            assert.equal(lane.state, 'sending')
            assert.deepEqual(table.on({ type: 'woken' }), [], 'one send at a time')
            const [chunk] = command.chunks as [Chunk]
            const isTooLarge = bytesOf(chunk.rows) > limit
            if (!isTooLarge) out.push(...chunk.rows)
            if (!isTooLarge) left = left.slice(chunk.rows.length)
            commands = isTooLarge
              ? table.on({ type: 'failed', chunks: [chunk], failure: 'too large', cause: '' })
              : table.on({ type: 'acknowledged', chunks: [chunk] })
          } else assert.fail(command.do)
        }
        const fits = ({ bytes }: AddedRow) => bytes <= limit
        assert.deepEqual(out, rows.filter(fits))
        assert.deepEqual(
          aside,
          rows.filter((row) => !fits(row)),
        )
      },
    ),
  )
})

test('a lane whose send fails backs off longer from failure to failure, and is as before once something is acknowledged', () => {
  const { table, lane, read } = oneLane()
  table.on({ type: 'woken' })
  let commands = read({ rows: [bytes100(1)] })
  for (let n = 1; n <= 3; n++) {
    const chunks = sent(commands)
    const backOff = table.on({ type: 'failed', chunks, failure: 'unavailable', cause: 'no answer' })
    assert.deepEqual(backOff, [{ do: 'back off', lane, failures: n, cause: 'no answer' }])
    assert.deepEqual(table.on({ type: 'woken' }), [], 'it keeps still')
    assert.deepEqual(table.on({ type: 'retry', lane, failures: n - 1 }), [], 'another time is up')
    assert.equal(table.on({ type: 'retry', lane, failures: n })[0]?.do, 'read')
    commands = read({ rows: [bytes100(1)] })
  }
  assert.equal(table.quiet, false)
  table.on({ type: 'acknowledged', chunks: sent(commands) })
  assert.deepEqual([lane.failures, lane.trouble], [0, undefined])
})

test('rule 24: a lane that is wanted is read before it sends, each 100 ms also where nobody wakes it', () => {
  const { table, read } = oneLane()
  table.on({ type: 'woken' })
  read({})
  assert.deepEqual(table.on({ type: 'look' }), [], 'nothing was sent since the last read')
  const first = sent(table.on({ type: 'committed', rows: [bytes100(1)] }))
  assert.deepEqual(eventsOf(first), ['e1'])
  table.on({ type: 'committed', rows: [bytes100(2)] })
  table.on({ type: 'look' })
  const [command] = table.on({ type: 'acknowledged', chunks: first })
  assert.equal(command?.do, 'read')
  assert.deepEqual(table.on({ type: 'woken' }), [])
  // Another instance's row goes first; being woken meanwhile does not have it read for ever.
  assert.deepEqual(eventsOf(sent(read({ rows: [bytes100(3)] }))), ['e3', 'e2'])
})

test('nothing waits once a lane was read and is empty, also while it is read again, however long that takes', () => {
  const { table, read } = oneLane()
  table.on({ type: 'woken' })
  assert.equal(table.quiet, false)
  read({})
  assert.equal(table.quiet, true)
  assert.equal(table.on({ type: 'woken' })[0]?.do, 'read')
  table.on({ type: 'woken' })
  assert.equal(table.quiet, true)
  const chunks = sent(read({ rows: [bytes100(1)], aside: ['7'] }))
  assert.equal(table.quiet, false)
  table.on({ type: 'acknowledged', chunks })
  assert.equal(table.quiet, true)
})

test('rule 24: what does not fit into the memory goes out by way of the table', () => {
  const { table, lane, read } = oneLane()
  table.on({ type: 'woken' })
  read({})
  const rows = Array.from({ length: 40 }, (_, n) => bytes100(n, { bytes: 400_000 }))
  assert.equal(table.on({ type: 'committed', rows })[0]?.do, 'read')
  const bytes = bytesOf(lane.queue)
  assert.ok(bytes > 7 * 1024 * 1024 && bytes <= 8 * 1024 * 1024, String(bytes))
})

test('a lane is not read while more acknowledged rows wait to be deleted than a read should step over', () => {
  const { table, lane, read } = oneLane()
  table.on({ type: 'woken' })
  const chunks = sent(read({ rows: Array.from({ length: 257 }, (_, id) => bytes100(id)), more: true }))
  assert.deepEqual(table.on({ type: 'acknowledged', chunks }), [])
  const [one] = chunks as [Chunk]
  assert.equal(table.on({ type: 'deleted', chunks: [{ lane, rows: one.rows.slice(0, 1) }] })[0]?.do, 'read')
})

test('a lane whose chunk was halved takes larger ones again once they go out', () => {
  const { table, lane, read } = oneLane()
  const largest = lane.maxBytes
  const go = (...sizes: number[]) => sent(read({ rows: sizes.map((bytes, id) => bytes100(id, { bytes })) }))
  table.on({ type: 'woken' })
  table.on({ type: 'failed', chunks: go(400_000, 100_000), failure: 'too large', cause: '' })
  assert.equal(lane.maxBytes, 250_000)
  table.on({ type: 'acknowledged', chunks: go(250_000) })
  assert.equal(lane.maxBytes, 500_000)
  table.on({ type: 'woken' })
  table.on({ type: 'acknowledged', chunks: go(250_000) })
  assert.equal(lane.maxBytes, largest)
})
