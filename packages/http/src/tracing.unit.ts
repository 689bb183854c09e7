import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROOT_CONTEXT, SpanKind, TraceFlags, trace } from '@opentelemetry/api'
import * as sdk from '@opentelemetry/sdk-trace-base'
import { samplerOf } from './tracing.ts'

const anyTrace = '0af7651916cd43dd8448eb211c80319c'

/** Whether a request of such a caller is sampled. */
function samples(
  HOST: string,
  share: string,
  flag: 'sampled' | 'not sampled' | undefined,
  isRemote = true,
  traceId = anyTrace,
): boolean {
  const traceFlags = flag === 'sampled' ? TraceFlags.SAMPLED : TraceFlags.NONE
  const parent = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId: 'b7ad6b7169203331', traceFlags, isRemote })
  const sampler = samplerOf(sdk, { HOST, OTEL_TRACES_SAMPLER_ARG: share })
  const { decision } = sampler.shouldSample(flag ? parent : ROOT_CONTEXT, traceId, 'x', SpanKind.SERVER, {}, [])
  return decision === sdk.SamplingDecision.RECORD_AND_SAMPLED
}

test('the share decides of what has no trace yet', () => {
  for (const host of ['127.0.0.1', '10.0.0.1']) {
    assert.equal(samples(host, '0', undefined), false)
    assert.equal(samples(host, '1', undefined), true)
  }
})

test("on loopback a caller decides; elsewhere the share does, whatever the caller's flag", () => {
  assert.equal(samples('127.0.0.1', '0', 'sampled'), true)
  assert.equal(samples('127.0.0.1', '1', 'not sampled'), false)
  assert.equal(samples('10.0.0.1', '0', 'sampled'), false)
  assert.equal(samples('10.0.0.1', '1', 'not sampled'), true)
})

test('elsewhere a caller is not sampled more often for the id of its trace', () => {
  // Whose four parts are 0 together, below any share.
  const chosen = '00000001000000010000000000000000'
  const sampled = Array.from({ length: 1_000 }, () => samples('10.0.0.1', '0.001', 'sampled', true, chosen))
  assert.ok(sampled.filter(Boolean).length < 20)
})

test('what one of our services has decided holds everywhere', () => {
  for (const host of ['127.0.0.1', '10.0.0.1']) {
    assert.equal(samples(host, '0', 'sampled', false), true)
    assert.equal(samples(host, '1', 'not sampled', false), false)
  }
})
