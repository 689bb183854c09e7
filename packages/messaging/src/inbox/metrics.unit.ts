import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Registry } from 'prom-client'
import { inboxMetrics } from './metrics.ts'

test('a scrape succeeds while something is not to be had, and leaves that out', async () => {
  const registry = new Registry()
  let away = false
  const { applied } = inboxMetrics(registry, {
    lag: () => [
      { partition: 2, events: 7, seconds: undefined },
      { partition: 3, events: undefined, seconds: 1.5 },
    ],
    stalled: () => 1,
    async parked() {
      if (away) throw new Error('the database is away')
      return { keys: [{ cause: 'gap', keys: 2 }], oldest: 60 }
    },
  })
  applied.inc(3)
  const lines = async () => (await registry.metrics()).split('\n').filter((line) => /(lag|keys|oldest).* \d/.test(line))
  away = true
  assert.deepEqual(
    (await lines()).filter((line) => !line.startsWith('#')),
    ['inorder_inbox_lag_events{partition="2"} 7', 'inorder_inbox_lag_seconds{partition="3"} 1.5'],
  )
  away = false
  const text = await registry.metrics()
  assert.match(text, /^inorder_inbox_parked_keys\{cause="gap"\} 2$/m)
  assert.match(text, /^inorder_inbox_parked_oldest_seconds 60$/m)
  assert.match(text, /^inorder_inbox_stalled_partitions 1$/m)
  assert.match(text, /^inorder_inbox_applied_total 3$/m)
})

test('the way of events is a histogram of all of them; one that is ahead of our clock took no time', async () => {
  const registry = new Registry()
  const { endToEnd } = inboxMetrics(registry, { lag: () => [], stalled: () => 0, parked: async () => assert.fail() })
  for (const seconds of [-3, 0.01, 0.011, 2, 1e6]) endToEnd.observe(seconds)
  const text = await registry.metrics()
  assert.match(text, /^# TYPE inorder_inbox_end_to_end_seconds histogram$/m)
  const of = (suffix: string) =>
    Number(new RegExp(`^inorder_inbox_end_to_end_seconds_${suffix} (.+)$`, 'm').exec(text)?.[1])
  assert.deepEqual([of('bucket{le="0.01"}'), of('bucket{le="0.025"}'), of('bucket{le="3600"}')], [2, 3, 4])
  assert.deepEqual([of('bucket{le="\\+Inf"}'), of('count')], [5, 5])
  assert.ok(Math.abs(of('sum') - 1_000_002.021) < 1e-6)
})
