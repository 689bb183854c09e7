import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Registry } from 'prom-client'
import { inboxMetrics } from './metrics.ts'

test('a scrape succeeds while the lag is not to be had, and leaves it out', async () => {
  const registry = new Registry()
  let away = false
  const lag = async () => {
    if (away) throw new Error('the database is away')
    return [{ partition: 2, lag: 7 }]
  }
  const { applied } = inboxMetrics(registry, lag, () => 0)
  applied.inc(3)
  assert.match(await registry.metrics(), /^inbox_lag\{partition="2"\} 7$/m)
  away = true
  const text = await registry.metrics()
  assert.doesNotMatch(text, /^inbox_lag\{/m)
  assert.match(text, /^inbox_applied_total 3$/m)
})
