import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SourceRecord } from '../kafka/record.ts'
import { Lag } from './lag.ts'

const now = Date.parse('2026-01-01T00:01:00Z')
const record = (partition: number, offset: bigint, ageMs: number): SourceRecord => ({
  ...{ partition, offset, timestamp: BigInt(now - ageMs) },
  ...{ key: null, value: null, headers: [] },
})

/** A stream that has these records in hand. */
const stream = (reached: [number, bigint][], ends: bigint[], inHand: SourceRecord[] = []) => ({
  reached: new Map(reached),
  endOf: (partition: number) => ends[partition] ?? 0n,
  firstFrom: (partition: number, position: bigint) =>
    inHand.find((one) => one.partition === partition && one.offset >= position),
})
const log = (positions: [number, bigint][], ends: bigint[]) => ({
  ...{ topicId: 't', starts: ends.map(() => 0n) },
  ...{ positions: new Map(positions), ends },
})

test('lag counts from the first record that is not applied, and only in the partitions of this member', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now })
  const lag = new Lag()
  lag.compared(
    log(
      [
        [0, 10n],
        [1, 7n],
        [2, 3n],
      ],
      [10n, 9n, 50n],
    ),
  )
  const records = [record(1, 6n, 9_000), record(1, 7n, 8_000), record(1, 8n, 1_000)]
  const reached: [number, bigint][] = [
    [0, 10n],
    [1, 9n],
  ]
  assert.deepEqual(lag.of(stream(reached, [10n, 9n], records)), [
    { partition: 0, events: 0, seconds: 0 },
    { partition: 1, events: 2, seconds: 8 },
  ])
})

test('what was applied since the last comparison does not count, what came since does', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now })
  const lag = new Lag()
  lag.compared(log([[0, 10n]], [20n]))
  assert.deepEqual(lag.of(stream([[0, 20n]], [20n])), [{ partition: 0, events: 0, seconds: 0 }])
  assert.deepEqual(lag.of(stream([[0, 25n]], [25n], [record(0, 24n, 500)])), [
    { partition: 0, events: 1, seconds: 0.5 },
  ])
})

test('nothing is said that is not known', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now })
  let clock = 0
  t.mock.method(performance, 'now', () => clock)
  const lag = new Lag()
  const unknown = { partition: 0, events: undefined, seconds: undefined }
  assert.deepEqual(lag.of(stream([[0, 0n]], [])), [unknown], 'nothing was compared yet')

  lag.compared(log([[0, 10n]], [20n]))
  assert.deepEqual(lag.of(stream([[0, 10n]], [20n])), [{ partition: 0, events: 10, seconds: undefined }])
  const noTimestamp = { ...record(0, 10n, 0), timestamp: -1n }
  assert.deepEqual(lag.of(stream([[0, 11n]], [20n], [noTimestamp]))[0]?.seconds, undefined)

  clock = 7_000
  assert.deepEqual(lag.of(stream([[0, 20n]], [20n])), [unknown], 'Kafka or the database is unavailable')
  const held = lag.of(stream([[0, 11n]], [20n], [record(0, 10n, 30_000)]))
  assert.deepEqual(held, [{ partition: 0, events: undefined, seconds: 30 }], 'a record in hand ages all the same')
})
