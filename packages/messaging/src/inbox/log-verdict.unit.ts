import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LogState, rightStart, type StreamState, verdictOf } from './log-verdict.ts'

/** Partition 0 of a topic of two, applied up to 5, in a log of [0, 10); read up to 7. */
const log = (more: Partial<LogState> = {}): LogState => ({
  topicId: 'a',
  starts: [0n, 0n],
  ends: [10n, 0n],
  positions: new Map([[0, 5n]]),
  ...more,
})
const stream = (more: Partial<StreamState> = {}): StreamState => ({
  topicId: 'a',
  partitions: 2,
  starts: undefined,
  reached: new Map([[0, 7n]]),
  stopped: new Set(),
  ...more,
})
const assigned = (start: bigint) => stream({ starts: new Map([[0, start]]), reached: new Map() })

test('rule 13: reading may start at the position or below it, and never ahead of it', () => {
  assert.deepEqual(verdictOf(log(), assigned(5n)), { do: 'ok' })
  assert.deepEqual(verdictOf(log(), assigned(0n)), { do: 'ok' })
  const ahead = { do: 'rewind', why: 'partitions 0 start ahead of their positions', cut: [] }
  assert.deepEqual(verdictOf(log(), assigned(6n)), ahead)
})

test('rule 13: a partition without a position is read from where its log starts', () => {
  const fresh = { starts: [3n, 0n], positions: new Map() }
  assert.deepEqual(verdictOf(log(fresh), assigned(3n)), { do: 'ok' })
  assert.equal(verdictOf(log(fresh), assigned(4n)).do, 'rewind')
})

test('rule 19: another topic under the name is opened anew', () => {
  assert.deepEqual(verdictOf(log({ topicId: 'b' }), stream()), { do: 'reopen', why: 'the topic was a, and is b' })
})

test('rule 19: a log that ends below a position, or below what was read, is read again', () => {
  const why = 'the log is shorter than it was'
  assert.deepEqual(verdictOf(log({ ends: [4n, 0n] }), stream()), { do: 'rewind', why, cut: [0] })
  assert.deepEqual(verdictOf(log({ ends: [4n, 0n] }), assigned(0n)), { do: 'rewind', why, cut: [0] })
  assert.deepEqual(verdictOf(log({ ends: [6n, 0n] }), stream()), { do: 'rewind', why, cut: [] })
  assert.deepEqual(verdictOf(log({ ends: [7n, 0n] }), stream()), { do: 'ok' })
})

test('rule 19: records that are gone above the position stop their partition; once it is known, reading goes on', () => {
  const gone = log({ starts: [6n, 0n] })
  const stop = { do: 'stop', partitions: new Set([0]) }
  assert.deepEqual(verdictOf(gone, assigned(6n)), stop)
  assert.equal(verdictOf(gone, stream()).do, 'rewind')
  assert.deepEqual(verdictOf(gone, stream({ stopped: new Set([0]) })), stop)
  // An operator has accepted the loss: the position is where the log starts.
  const accepted = log({ starts: [6n, 0n], positions: new Map([[0, 6n]]) })
  assert.equal(verdictOf(accepted, stream({ stopped: new Set([0]) })).do, 'rewind')
})

test('rule 23: a topic with more partitions is opened anew', () => {
  const more = log({ starts: [0n, 0n, 0n], ends: [10n, 0n, 0n] })
  assert.deepEqual(verdictOf(more, stream()), { do: 'rewind', why: 'the topic has 3 partitions now', cut: [] })
})

test('the right start of a partition is its position, as long as the log holds it', () => {
  const starts = [0n, 5n, 6n, 10n, 11n].map((position) => rightStart(log({ positions: new Map([[0, position]]) }), 0))
  assert.deepEqual(starts, [0n, 5n, 6n, 10n, 0n])
  assert.equal(rightStart(log({ starts: [6n, 0n] }), 0), 6n)
})
