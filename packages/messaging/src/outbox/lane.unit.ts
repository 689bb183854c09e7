import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import fc from 'fast-check'
import { RecordTooLarge } from '../kafka/errors.ts'
import { SerialProducer } from '../kafka/producer.ts'
import { Lane } from './lane.ts'
import type { OutboxRow } from './store.ts'

const laneOf = () => new Lane('t', 0, new SerialProducer({ brokers: ['127.0.0.1:1'], clientId: 'unit' }, 0))
const row = (id: number, bytes: number): OutboxRow => ({
  id: String(id),
  eventId: `e${id}`,
  key: null,
  value: Buffer.alloc(0),
  fingerprint: null,
  headers: '{}',
  bytes,
  origin: '',
})

/** As the database reads them: up to `maxBytes`, but at least one. */
function chunkOf(lane: Lane, rows: readonly OutboxRow[]): OutboxRow[] {
  let total = 0
  return rows.filter(({ bytes }, i) => {
    total += bytes
    return total <= lane.maxBytes || i === 0
  })
}

test('rule 9: whatever the broker takes at most, all that fits goes out in order and only what does not is set aside', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 2, max: 400_000 }), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1_000, max: 1_048_588 }),
      (sizes, limit) => {
        const lane = laneOf()
        const rows = sizes.map((bytes, id) => row(id, bytes))
        const out: OutboxRow[] = []
        const aside: OutboxRow[] = []
        for (let left = rows, steps = 0; left.length > 0; steps++) {
          assert.ok(steps < 2 * rows.length + 40, 'it ends')
          const chunk = chunkOf(lane, left)
          lane.sending()
          assert.equal(lane.readable, false, 'one send at a time')
          const bytes = chunk.reduce((sum, r) => sum + r.bytes, 0)
          if (bytes > limit && chunk.length > 1) lane.halve(chunk)
          else {
            if (bytes > limit) aside.push(...chunk)
            else out.push(...chunk)
            lane.again()
            left = left.slice(chunk.length)
          }
          assert.ok(lane.readable)
        }
        assert.deepEqual(
          out,
          rows.filter(({ bytes }) => bytes <= limit),
        )
        assert.deepEqual(
          aside,
          rows.filter(({ bytes }) => bytes > limit),
        )
      },
    ),
  )
})

test('a lane rests longer from failure to failure, but never more than 2 s, and is as before once something is acknowledged', () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  // Full jitter: each rest is anything below its ceiling, which this shows.
  const random = mock.method(Math, 'random', () => 0.999)
  const lane = laneOf()
  const rests: number[] = []
  for (let i = 0; i < 10; i++) {
    let rested = false
    lane.sending()
    lane.rest(new RecordTooLarge(), () => {
      rested = true
    })
    assert.equal(lane.readable, false)
    let ms = 0
    for (; !rested; ms++) mock.timers.tick(1)
    rests.push(ms)
    assert.ok(lane.readable)
  }
  const ceilings = [100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000, 2_000, 2_000]
  for (const [n, ms] of rests.entries()) assert.ok(Math.abs(ms - ceilings[n]!) <= 3, `${rests}`)
  lane.sent([row(1, 1)])
  assert.equal(lane.trouble, undefined)
  assert.equal(lane.failures, 0)
  mock.timers.reset()
  random.mock.restore()
})

test('a lane is not read while more acknowledged rows wait to be deleted than a read should step over', () => {
  const lane = laneOf()
  lane.sent(Array.from({ length: 257 }, (_, id) => row(id, 1)))
  assert.equal(lane.readable, false)
  lane.acknowledged.delete('0')
  assert.equal(lane.readable, true)
})

test('a lane whose chunk was halved takes larger ones again once they go out', () => {
  const lane = laneOf()
  const largest = lane.maxBytes
  lane.halve([row(1, 400_000), row(2, 100_000)])
  assert.equal(lane.maxBytes, 250_000)
  lane.sent([row(1, 250_000)])
  assert.equal(lane.maxBytes, 500_000)
  lane.sent([row(2, 250_000)])
  assert.equal(lane.maxBytes, largest)
})
