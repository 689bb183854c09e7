// What an operator sees of parked records, and what they may do with them.

import { rolledBack } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import { RegistryUnavailable } from '../kafka/registry.ts'
import { auditEntries } from '../outbox/audit.ts'
import type { AuditEntry, List, Refused } from '../outbox/ops.ts'
import { type BatchContext, type Saved, withSchemas } from './apply.ts'
import { dryRun } from './dry-run.ts'
import type { InboxMetrics } from './metrics.ts'
import type {
  Discard,
  ParkedDetail,
  ParkedGroup,
  ParkedKey,
  Redrive,
  Redriven,
  RedrivenAll,
  StateOfKey,
} from './ops.ts'
import { fromLog, type ReadRecord } from './parked-from-log.ts'
import { parkedGroups } from './parked-groups.ts'
import { keysHeldBy, parkedKeys, stateOf } from './parked-listing.ts'
import { parkedRecords } from './parked-records.ts'
import type { Action } from './redrive.ts'
import { learnUnread, takeSteps, untilRefused } from './redrive-runs.ts'
import { beginning, type Size } from './redrive-steps.ts'

/** So many sessions of the pool are taken by a redrive of many keys; the live traffic needs the others. */
const sideBySide = 4
/** What a call waits for; more is redriven by a job. */
const mostInOneCall = 1_000

interface OperatorOptions<State, Event> {
  pool: Pool
  context: BatchContext<State, Event>
  logger: Logger
  metrics: InboxMetrics
  readRecord: ReadRecord
  /** After each commit. */
  onSaved(saved: Saved<State, Event>): void
}

export class Operator<State, Event> {
  readonly #options: OperatorOptions<State, Event>

  constructor(options: OperatorOptions<State, Event>) {
    this.#options = options
  }

  /** By key; with a cause, those that it holds up. */
  list(query: { cause?: string; limit?: number; after?: string } = {}): Promise<List<ParkedKey>> {
    return parkedKeys(this.#options.pool, query)
  }

  /** What holds keys up, by cause and detail. */
  groups(query: { limit: number; after?: string }): Promise<List<ParkedGroup>> {
    return parkedGroups(this.#options.pool, this.#options.context.service, query)
  }

  /** Undefined when nothing of it is parked. `raw`: with the bytes. */
  of(key: string, { raw = false } = {}): Promise<ParkedDetail | undefined> {
    const { pool, context } = this.#options
    return parkedRecords(pool, key, context.decoder, raw)
  }

  /** Undefined when no record of it ever came. */
  stateOf(key: string): Promise<StateOfKey | undefined> {
    return stateOf(this.#options.pool, key)
  }

  /** The newest first, with what was done to rows of the outbox. */
  audit(query: { limit: number; after?: number }): Promise<List<AuditEntry>> {
    return auditEntries(this.#options.pool, query, 'parking_audit', 'outbox_audit')
  }

  redrive(key: string, { operator, dryRun }: Redrive): Promise<Redriven | Refused> {
    return orRegistryUnavailable(dryRun ? this.#try(key) : this.#act({ key, operator }))
  }

  discard(key: string, discard: Discard): Promise<Redriven | Refused> {
    return orRegistryUnavailable(this.#act({ key, operator: discard.operator, discard }))
  }

  /** Every key of which something is parked for this cause, if they are few. One that fails does not stop the others. */
  async redriveAll(cause: string, redrive: Redrive): Promise<RedrivenAll | Refused> {
    const keys = await keysHeldBy(this.#options.pool, cause, mostInOneCall + 1)
    if (keys.length > mostInOneCall) return tooMany(cause)
    const items: RedrivenAll['items'] = []
    // From the last on: a batch locks its keys from the first on, so the two meet once. In the same direction the batch
    // would wait behind each key's redrive, 1,000 of them longer than a statement may take.
    let next = keys.length
    const worker = async () => {
      for (let n = --next; n >= 0; n = --next) items[n] = await this.#oneOfAll(keys[n]!, redrive)
    }
    await Promise.all(Array.from({ length: sideBySide }, worker))
    const totals = { keys: items.length, applied: 0, remaining: 0, failed: 0 }
    for (const { applied, remaining, error } of items) {
      totals.applied += applied
      totals.remaining += remaining
      if (error !== undefined) totals.failed++
    }
    return { items, next: null, totals }
  }

  async #oneOfAll({ key, count }: { key: string; count: number }, redrive: Redrive) {
    const nothing = { key, applied: 0 }
    try {
      const answer = await this.redrive(key, redrive)
      if (!('refused' in answer)) return answer
      // In the meantime its live traffic has healed it, or somebody else has.
      if (answer.refused === 'nothing-parked') return { ...nothing, remaining: 0 }
      return { ...nothing, remaining: count, error: answer.detail }
    } catch (error) {
      this.#options.logger.warn(
        { err: error, key },
        'a key could not be redriven with the others of its cause: it stays parked',
      )
      return { ...nothing, remaining: count, error: error instanceof Error ? error.message : String(error) }
    }
  }

  /** Takes the steps that are left of a key that is due. */
  async goOn(key: string): Promise<void> {
    const { pool, context, onSaved } = this.#options
    await takeSteps(pool, key, undefined, context, onSaved)
  }

  async #act(action: Action): Promise<Redriven | Refused> {
    const { pool, context, logger, metrics, readRecord, onSaved } = this.#options
    const { key, operator, discard } = action
    const atHand = await fromLog(pool, key, readRecord)
    if ('refused' in atHand && !discard) return atHand
    let steps = 0
    const told = (saved: Saved<State, Event>) => {
      steps++
      metrics.redriven.inc(saved.applied.length)
      onSaved(saved)
    }
    const answer = await takeSteps(pool, key, action, context, told, 'refused' in atHand ? new Map() : atHand)
    if (!answer) throw new Error(`the redrive of ${key} has no answer`)
    if ('refused' in answer || steps === 0) return answer
    const { applied, remaining, stoppedAt } = answer
    if (discard) {
      const { event, reason, skipVersion, dropWaiting } = discard
      metrics.discarded.inc()
      const about = { key, operator, event, reason, skipVersion, dropWaiting, applied, remaining }
      logger.warn(about, 'a record was discarded')
    } else logger.info({ key, operator, applied, remaining, stoppedAt }, 'a key was redriven')
    return answer
  }

  async #try(key: string): Promise<Redriven | Refused> {
    const { pool, context, readRecord } = this.#options
    const atHand = await fromLog(pool, key, readRecord)
    if ('refused' in atHand) return atHand
    await learnUnread(pool, key, beginning.readTo, context)
    const one = (size: Size) =>
      withSchemas(pool, context, (tx) => rolledBack(tx, () => dryRun(tx, key, context, size, atHand)))
    return (await untilRefused(one)).outcome
  }
}

const tooMany = (cause: string): Refused => ({
  refused: 'too-many-keys',
  detail: `${cause} holds up more than ${mostInOneCall} orders: POST /ops/jobs ${JSON.stringify({ type: 'redrive', filter: { cause } })} redrives them in the background.`,
})

const orRegistryUnavailable = (answer: Promise<Redriven | Refused>): Promise<Redriven | Refused> =>
  answer.catch((error) => {
    if (!(error instanceof RegistryUnavailable)) throw error
    return { refused: 'registry-away', detail: `The schema registry does not answer: ${error.message}.` }
  })
