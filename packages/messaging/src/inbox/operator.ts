// What an operator sees of parked records, and what they may do with them.

import { rolledBack } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import { RegistryUnavailable } from '../kafka/registry.ts'
import type { Refused } from '../outbox/ops.ts'
import type { BatchContext, Saved } from './apply.ts'
import { auditEntries } from './audit.ts'
import { dryRun } from './dry-run.ts'
import type { InboxMetrics } from './metrics.ts'
import type { Discard, Ops, ParkedDetail, Redrive, Redriven, RedrivenAll } from './ops.ts'
import { fromLog, type ReadRecord } from './parked-from-log.ts'
import { keysHeldBy, parkedKeys, stateOf } from './parked-listing.ts'
import type { Action } from './redrive.ts'
import { learn, run, settled, untilRefused } from './redrive-runs.ts'
import { beginning, type Size } from './redrive-steps.ts'

/** So many sessions of the pool are taken by a redrive of many keys; the live traffic needs the others. */
const sideBySide = 4

export interface OperatorOptions<State, Event> {
  pool: Pool
  context: BatchContext<State, Event>
  logger: Logger
  metrics: InboxMetrics
  positions: Ops['positions']
  acceptLoss: Ops['acceptLoss']
  readRecord: ReadRecord
  /** After each commit. */
  onSaved(saved: Saved<State, Event>): void
}

export class Operator<State, Event> implements Ops {
  readonly #options: OperatorOptions<State, Event>
  readonly positions: Ops['positions']
  readonly acceptLoss: Ops['acceptLoss']

  constructor(options: OperatorOptions<State, Event>) {
    this.#options = options
    this.positions = options.positions
    this.acceptLoss = options.acceptLoss
  }

  parkedKeys(query?: Parameters<Ops['parkedKeys']>[0]) {
    return parkedKeys(this.#options.pool, query)
  }

  async parkedOf(key: string): Promise<ParkedDetail | undefined> {
    const state = await this.stateOf(key)
    if (!state || state.events.length === 0) return undefined
    return { key, appliedVersion: state.appliedVersion, events: state.events }
  }

  stateOf(key: string) {
    return stateOf(this.#options.pool, key)
  }

  audit(query: Parameters<Ops['audit']>[0]) {
    return auditEntries(this.#options.pool, query)
  }

  redrive(key: string, redrive: Redrive): Promise<Redriven | Refused> {
    const { operator, dryRun } = redrive
    return dryRun ? this.#try(key) : this.#act({ key, operator })
  }

  discard(key: string, discard: Discard): Promise<Redriven | Refused> {
    return this.#act({ key, operator: discard.operator, discard })
  }

  async redriveAll(cause: string, redrive: Redrive): Promise<RedrivenAll> {
    const keys = await keysHeldBy(this.#options.pool, cause)
    const items: RedrivenAll['items'] = []
    // From the last on: a batch locks its keys from the first on, so the two meet once. In the same direction the batch
    // would wait behind each key's redrive, 1,000 of them longer than a statement may take.
    let next = keys.length
    const worker = async () => {
      for (let n = --next; n >= 0; n = --next) items[n] = await this.#oneOfAll(keys[n]!, redrive)
    }
    await Promise.all(Array.from({ length: sideBySide }, worker))
    const sum = (of: (item: (typeof items)[number]) => number) => items.reduce((before, item) => before + of(item), 0)
    return {
      items,
      next: null,
      totals: {
        keys: items.length,
        applied: sum(({ applied }) => applied),
        remaining: sum(({ remaining }) => remaining),
        failed: sum(({ error }) => (error === undefined ? 0 : 1)),
      },
    }
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
    await run(pool, key, undefined, context, onSaved)
  }

  async #act(action: Action): Promise<Redriven | Refused> {
    const { pool, context, logger, metrics, readRecord, onSaved } = this.#options
    const { key, operator, discard } = action
    const atHand = await fromLog(pool, key, readRecord)
    if ('refused' in atHand && !discard) return atHand.refused
    let steps = 0
    let answer: Redriven | Refused | undefined
    try {
      const told = (saved: Saved<State, Event>) => {
        steps++
        metrics.redriven.inc(saved.applied.length)
        onSaved(saved)
      }
      answer = await run(pool, key, action, context, told, 'refused' in atHand ? new Map() : atHand)
    } catch (error) {
      if (!(error instanceof RegistryUnavailable)) throw error
      return registryUnavailable(error)
    }
    if (!answer) throw new Error(`the redrive of ${key} has no answer`)
    if ('refused' in answer || steps === 0) return answer
    const { applied, remaining, stoppedAt } = answer
    if (discard) {
      const { event, reason, skipVersion } = discard
      metrics.discarded.inc()
      logger.warn({ key, operator, event, reason, skipVersion, applied, remaining }, 'a record was discarded')
    } else logger.info({ key, operator, applied, remaining, stoppedAt }, 'a key was redriven')
    return answer
  }

  async #try(key: string): Promise<Redriven | Refused> {
    const { pool, context, readRecord } = this.#options
    const atHand = await fromLog(pool, key, readRecord)
    if ('refused' in atHand) return atHand.refused
    try {
      await learn(pool, key, { cursor: beginning, audit: undefined }, context)
      const one = (size: Size) =>
        settled(pool, (tx) => rolledBack(tx, () => dryRun(tx, key, context, size, atHand)), context)
      return (await untilRefused(one)).outcome
    } catch (error) {
      if (!(error instanceof RegistryUnavailable)) throw error
      return registryUnavailable(error)
    }
  }
}

const registryUnavailable = (error: RegistryUnavailable): Refused => ({
  refused: 'registry-away',
  detail: `The schema registry does not answer: ${error.message}.`,
})
