// What follows a commit, of a batch or of a step of a redrive: metrics, log lines and traces say what was done, and whoever
// waits for it is woken.
import type { Logger } from 'pino'
import { placeName } from '../kafka/event.ts'
import type { SourceRecord } from '../kafka/record.ts'
import { traceBatch } from '../kafka/spans.ts'
import type { Topic } from '../kafka/topic.ts'
import { trailOf } from '../kafka/trail.ts'
import { logChanges } from '../outbox/log-changes.ts'
import type { Saved } from './apply.ts'
import type { BatchResult } from './batch.ts'
import { isFailed } from './key-state.ts'
import type { InboxMetrics } from './metrics.ts'

interface AfterCommitOptions<State, Event> {
  topic: Topic<Event>
  logger: Logger
  metrics: InboxMetrics
  /** Events were applied. */
  onApplied: ((applied: Saved<State, Event>['applied']) => void) | undefined
  /** More of a key waits than one transaction takes. */
  onDue(): void
  /** Copies of parked records are in the outbox. */
  onCopies(): void
}

const changeOf = ({ key, version, record }: { key: string; version: number; record: SourceRecord | undefined }) => ({
  key,
  version,
  ...trailOf(record),
})

export class AfterCommit<State, Event> {
  readonly #options: AfterCommitOptions<State, Event>

  constructor(options: AfterCommitOptions<State, Event>) {
    this.#options = options
  }

  batch(result: BatchResult<State, Event>, seconds: number): void {
    const { logger, metrics } = this.#options
    metrics.healed.inc(result.healed)
    if (result.size > 0) metrics.batchSize.observe(result.size)
    metrics.batchSeconds.observe(seconds)
    for (const { key, topicId, version, parking, ...at } of result.moved) {
      if (!parking) logger.info({ key, event: placeName(topicId, at), version }, 'a record that waited is applied')
    }
    this.saved(result, seconds)
  }

  /** What a batch and a redrive have in common. */
  saved(saved: Saved<State, Event>, seconds = 0): void {
    const { topic, logger, metrics, onApplied, onDue, onCopies } = this.#options
    metrics.applied.inc(saved.applied.length)
    metrics.duplicates.inc(saved.duplicates)
    const { occurredAt } = topic
    const now = Date.now()
    if (occurredAt) for (const { event } of saved.applied) metrics.endToEnd.observe((now - occurredAt(event)) / 1000)
    logChanges(logger, saved.applied, changeOf, 'event applied')
    traceBatch('inbox batch', performance.now() - seconds * 1000, saved.applied, changeOf)
    if (saved.duplicates > 0) logger.info({ duplicates: saved.duplicates }, 'duplicates were dropped')
    for (const { key, topicId, parking, before, ...at } of saved.moved) {
      if (!parking || (parking.state === before?.state && isFailed(parking) === isFailed(before))) continue
      if (!before) metrics.parked.inc({ cause: parking.cause })
      logger[isFailed(parking) ? 'warn' : 'info'](
        { key, event: placeName(topicId, at), ...parking },
        'a record was parked: see GET /ops/parked/{key}',
      )
    }
    for (const { key, topicId, version, ...at } of saved.late)
      logger.error(
        { alarm: 'skipped-version-arrived', key, version, event: placeName(topicId, at) },
        'a version that an operator skipped came after all: it is not applied, and is in the audit',
      )
    if (saved.due) onDue()
    if (saved.applied.length > 0) onApplied?.(saved.applied)
    if (saved.copies.length > 0) onCopies()
  }
}
