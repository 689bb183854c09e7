// What the traces say of the work on events. A batch works on many events, each perhaps of another trace: each event of a
// sampled trace has a span there; where there are several, one more spans the whole, and is linked with them.
//
//   group commit -> outbox    stored in the outbox, with the change
//   relay        -> publish   sent and acknowledged
//   inbox batch  -> apply     applied in the service's database
//
// Whether a trace is sampled is decided where it begins, and stands in its header. For one that is not, nothing is done.
import {
  type Attributes,
  context,
  type ProxyTracerProvider,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { Trail } from './trail.ts'

const batches = {
  'group commit': { each: 'outbox', kind: SpanKind.INTERNAL },
  relay: { each: 'publish', kind: SpanKind.PRODUCER },
  'inbox batch': { each: 'apply', kind: SpanKind.CONSUMER },
}

/** Of one batch. What a collector takes of a span, and its network, is limited. */
const mostLinks = 128

let known: Tracer | undefined
/** Undefined while nobody collects spans. */
function tracer(): Tracer | undefined {
  const provider = trace.getTracerProvider() as Partial<ProxyTracerProvider>
  known ??= provider.getDelegateTracer?.('inorder')
  return known
}

/** What of an event a span tells. */
interface Traced extends Trail {
  readonly key: string
  readonly version?: number | undefined
}

/** Of work that was begun at `begun` (`performance.now()`) and has succeeded just now. */
export function traceBatch<Item>(
  batch: keyof typeof batches,
  begun: number,
  items: readonly Item[],
  tracedOf: (item: Item) => Traced,
): void {
  const by = tracer()
  if (!by) return
  const sampled = firstSampled(items, tracedOf)
  const [first] = sampled
  if (!first) return
  const ended = performance.now()
  const { each, kind } = batches[batch]
  const common = { kind, startTime: begun }
  let whole: SpanContext | undefined
  if (sampled.length > 1) {
    const links = sampled.map(({ of }) => ({ context: of }))
    const attributes = { 'messaging.batch.message_count': items.length }
    const span = by.startSpan(batch, { ...common, attributes, links }, under(first.of))
    span.end(ended)
    whole = span.spanContext()
  }
  for (const { of, attributes } of sampled)
    by.startSpan(each, { ...common, attributes, links: whole ? [{ context: whole }] : [] }, under(of)).end(ended)
}

function firstSampled<Item>(items: readonly Item[], tracedOf: (item: Item) => Traced) {
  const sampled: { of: SpanContext; attributes: Attributes }[] = []
  for (const item of items) {
    const traced = tracedOf(item)
    const of = sampledContext(traced)
    if (of) sampled.push({ of, attributes: attributesOf(traced) })
    if (sampled.length === mostLinks) break
  }
  return sampled
}

/** Does the work under a span of the event's trace; what the work calls can go on with it (`activeTraceparent`). */
export async function traceEffect<T>(effect: Traced & { kind: string }, work: () => Promise<T>): Promise<T> {
  const of = sampledContext(effect)
  const options = { kind: SpanKind.CLIENT, attributes: attributesOf(effect) }
  const span = of && tracer()?.startSpan(`effect ${effect.kind}`, options, under(of))
  if (!span) return work()
  try {
    return await context.with(trace.setSpan(ROOT_CONTEXT, span), work)
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error).message })
    throw error
  } finally {
    span.end()
  }
}

/** The header by which what is done now goes on elsewhere; undefined: there is no trace. */
export function activeTraceparent(): string | undefined {
  if (!tracer()) return undefined
  const span = trace.getActiveSpan()?.spanContext()
  return span && `00-${span.traceId}-${span.spanId}-0${span.traceFlags & 1}`
}

/** Not `isRemote`, as a stranger's would be whose word on sampling need not count: one of our services has decided. */
function sampledContext({ traceparent }: Trail): SpanContext | undefined {
  if (!traceparent || !'13579bdf'.includes(traceparent.at(-1)!)) return undefined
  return { traceId: traceparent.slice(3, 35), spanId: traceparent.slice(36, 52), traceFlags: 1, isRemote: false }
}

const under = (parent: SpanContext) => trace.setSpanContext(ROOT_CONTEXT, parent)

const attributesOf = ({ key, version, requestId }: Traced): Attributes => ({
  'inorder.key': key,
  ...(version !== undefined && { 'inorder.version': version }),
  ...(requestId && { 'inorder.request_id': requestId }),
})
