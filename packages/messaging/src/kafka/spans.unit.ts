import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { activeTraceparent, traceBatch, traceEffect } from './spans.ts'

const hex = (n: number, digits: number) => n.toString(16).padStart(digits, '0')
const event = (n: number, flags = '01') => ({
  key: `o-${n}`,
  version: n,
  requestId: `r-${n}`,
  traceparent: `00-${hex(n, 32)}-${hex(n, 16)}-${flags}`,
})

const spans = new InMemorySpanExporter()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
beforeEach(() => spans.reset())
after(() => provider.shutdown())

test('nobody collects spans: nothing is made of them, and the work is done', async () => {
  traceBatch('relay', 0, [1], () => assert.fail('it was asked'))
  assert.equal(await traceEffect({ ...event(1), kind: 'charge' }, async () => activeTraceparent()), undefined)
  trace.setGlobalTracerProvider(provider)
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
})

test('one event of a batch: a span in its trace', () => {
  const begun = performance.now()
  traceBatch('inbox batch', begun, [event(7), event(8, '00')], (one) => one)
  const [span, ...others] = spans.getFinishedSpans()
  assert.equal(others.length, 0)
  assert.equal(span?.name, 'apply')
  assert.equal(span?.spanContext().traceId, hex(7, 32))
  assert.equal(span?.parentSpanContext?.spanId, hex(7, 16))
  assert.deepEqual(span?.attributes, { 'inorder.key': 'o-7', 'inorder.version': 7, 'inorder.request_id': 'r-7' })
})

test('several: each in its trace, linked with one of the whole; 128 at most', () => {
  const events = Array.from({ length: 200 }, (_, n) => event(n + 1))
  traceBatch('group commit', performance.now(), events, (one) => one)
  const all = spans.getFinishedSpans()
  const [whole, ...wholes] = all.filter(({ name }) => name === 'group commit')
  assert.equal(wholes.length, 0)
  assert.equal(whole?.links.length, 128)
  assert.equal(whole?.attributes['messaging.batch.message_count'], 200)
  const each = all.filter(({ name }) => name === 'outbox')
  assert.deepEqual(
    each.map((span) => span.spanContext().traceId),
    events.slice(0, 128).map(({ traceparent }) => traceparent.slice(3, 35)),
  )
  for (const { links } of each)
    assert.deepEqual(
      links.map((link) => link.context),
      [whole?.spanContext()],
    )
})

test('what an effect calls goes on with its trace; its failure is told', async () => {
  const failing = async () => {
    await Promise.resolve()
    throw new Error(activeTraceparent())
  }
  const error = await traceEffect({ ...event(3), kind: 'charge' }, failing).catch((error: Error) => error)
  const [span] = spans.getFinishedSpans()
  const { traceId, spanId } = span!.spanContext()
  assert.equal((error as Error).message, `00-${traceId}-${spanId}-01`)
  assert.equal(traceId, hex(3, 32))
  assert.deepEqual([span?.name, span?.status.message], ['effect charge', (error as Error).message])
})

test('of a trace that is not sampled, or of none, there are no spans', async () => {
  for (const traceparent of [event(1, '00').traceparent, undefined, null]) {
    traceBatch('relay', 0, [1], () => ({ key: 'o', traceparent }))
    await traceEffect({ key: 'o', kind: 'charge', traceparent }, async () => {})
  }
  assert.equal(spans.getFinishedSpans().length, 0)
})
