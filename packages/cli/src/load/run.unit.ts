import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { runLoad } from './run.ts'
import { zipf } from './zipf.ts'

const never = new AbortController().signal

test('at a rate a stall counts for every request that was due in it, not only for the one that met it', async () => {
  const send = async (n: number) => {
    if (n === 10) await pause(300)
    return 201
  }
  const { sent, notSent, latency } = await runLoad(send, { rate: 200, seconds: 0.5, clients: 1 }, never)
  // On a slow machine the end comes before the last of them, which count all the same.
  assert.equal(sent + notSent, 100)
  // 60 of 100 were due while the only client waited, for 300 ms down to none: the 50th of all waited for 50, the 90th for 250.
  assert.ok(latency.p50 > 25 && latency.p90 > 200, `median ${latency.p50}, 90 % ${latency.p90}`)
  assert.ok(latency.max >= 295, `longest ${latency.max}`)
})

test('what could not be sent before the end counts with the time until then', async () => {
  const { sent, notSent, latency } = await runLoad(
    async () => {
      await pause(1_000)
      return 201
    },
    { rate: 100, seconds: 0.5, clients: 2 },
    never,
  )
  assert.deepEqual([sent, notSent], [2, 48])
  // The last was due half a second after the first: each waited for less than the one before.
  assert.ok(latency.max - latency.p50 > 150, `median ${latency.p50}, longest ${latency.max}`)
})

test('clients without a rate send as fast as they are answered, and no more than was asked for', async () => {
  const statuses = [201, 503, 0]
  const { sent, answers } = await runLoad(async (n) => statuses[n % 3]!, { seconds: 60, clients: 4, amount: 30 }, never)
  assert.deepEqual([sent, answers], [30, { 0: 10, 201: 10, 503: 10 }])
})

test("ranks come up as Zipf's law has it", () => {
  let n = 0
  const even = () => (n++ % 100_000) / 100_000
  const counts = new Array(1_000).fill(0)
  const draw = zipf(1_000, 1, even)
  for (let i = 0; i < 100_000; i++) counts[draw()]++
  assert.ok(Math.abs(counts[0] / 100_000 - 1 / 7.4855) < 0.001, `the first: ${counts[0]}`)
  assert.ok(Math.abs(counts[0] / counts[9] - 10) < 0.1)
  assert.ok(counts.every((times) => times > 0))
  const flat = zipf(10, 0, even)
  n = 0
  const drawn = new Set(Array.from({ length: 100_000 }, flat))
  assert.equal(drawn.size, 10)
})
