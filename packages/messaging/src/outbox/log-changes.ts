import type { Logger } from 'pino'
import { type Trail, traceIdOf } from '../kafka/trail.ts'

/** What a transaction did to a key, and what else its own line says. No payloads: a log is read by more people. */
interface Change extends Trail {
  readonly key: string
  readonly version?: number
  readonly kind?: string
  readonly status?: string
}

/** More would set the pace: a line costs ten times what a change costs in the line of many. */
const mostLines = 5

/**
 * Tells the log what a transaction has changed, once it is committed, so that a search for a key finds its whole way. Each
 * of a few changes has a line of its own; more share one: `changes: [[key, version, request id], ...]`.
 */
export function logChanges<Item>(
  logger: Logger,
  items: readonly Item[],
  changeOf: (item: Item) => Change,
  what: string,
): void {
  if (items.length === 0 || !logger.isLevelEnabled('info')) return
  if (items.length > mostLines) {
    const changes = items.map((item) => {
      const { key, version, requestId } = changeOf(item)
      return [key, version ?? null, requestId ?? null]
    })
    logger.info({ changes }, what)
    return
  }
  for (const item of items) {
    const { requestId, traceparent, ...change } = changeOf(item)
    logger.info({ ...change, request_id: requestId ?? undefined, trace_id: traceIdOf(traceparent) }, what)
  }
}
