import assert from 'node:assert/strict'
import { test } from 'node:test'
import { figuresOf, quantile } from './figures.ts'
import { samplesOf } from './prometheus.ts'

test('figures: rates and times of what came since the moment before, nothing where a process began anew', () => {
  const metrics = (creates: number, fast: number, all: number) =>
    samplesOf(`# HELP x
inorder_http_request_duration_seconds_count{method="POST",route="/create-order",status="201"} ${creates}
inorder_http_request_duration_seconds_count{method="POST",route="/create-order",status="409"} 99
inorder_inbox_end_to_end_seconds_bucket{le="0.01"} ${fast}
inorder_inbox_end_to_end_seconds_bucket{le="0.1"} ${all}
inorder_inbox_end_to_end_seconds_bucket{le="+Inf"} ${all}
inorder_inbox_lag_events{partition="0"} 3
inorder_inbox_lag_events{partition="1"} 4
nodejs_version_info{version="v24"} 1`)
  const at = (seconds: number, samples: ReturnType<typeof metrics>) => ({
    at: seconds,
    of: new Map([['cart', samples] as const, ['order', samples] as const]),
  })
  const figures = figuresOf(at(13, metrics(130, 60, 110)), at(10, metrics(100, 10, 10)))
  assert.deepEqual([figures.creates, figures.p50, Math.round(figures.p99!)], [10, 10, 98])
  assert.deepEqual([figures.lag.order, figures.lag.billing, figures.outbox.cart], [7, null, null])
  const anew = figuresOf(at(16, metrics(2, 0, 0)), at(13, metrics(130, 60, 110)))
  assert.deepEqual([anew.creates, anew.p50, anew.p99], [null, null, null])
  assert.equal(
    quantile(
      new Map([
        [1, 0],
        [Number.POSITIVE_INFINITY, 5],
      ]),
      0.5,
    ),
    1_000,
    'over the last bound',
  )
})
