// What an operator sees of parked records, and what they may do with them.
import type { Discard, Ops, ParkedDetail, Redrive, Redriven, RedrivenAll, Refused } from '@inorder/contracts/ops.ts'
import { savepoint, sqlFault, type Tx, transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { Saved } from '../inbox/apply.ts'
import type { BatchContext } from '../inbox/batch.ts'
import { SchemasMissing } from '../inbox/decode.ts'
import type { InboxMetrics } from '../inbox/metrics.ts'
import { RegistryAway } from '../registry.ts'
import { auditEntries } from './audit.ts'
import { orderState, ordersHeldBy, parkedOrders } from './listing.ts'
import { type Action, type Done, redriveOrder } from './redrive.ts'
import { valueStarts } from './store.ts'

/** So many sessions of the pool are taken by a redrive of many orders; the live traffic needs the others. */
const sideBySide = 4

export interface OperatorOptions<State, Event> {
  pool: Pool
  context: BatchContext<State, Event>
  logger: Logger
  metrics: InboxMetrics
  positions: Ops['positions']
  acceptLoss: Ops['acceptLoss']
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

  parkedOrders(query: Parameters<Ops['parkedOrders']>[0]) {
    return parkedOrders(this.#options.pool, query)
  }

  async parkedOf(orderId: string): Promise<ParkedDetail | undefined> {
    const state = await this.orderState(orderId)
    if (!state || state.events.length === 0) return undefined
    return { orderId, appliedVersion: state.appliedVersion, events: state.events }
  }

  orderState(orderId: string) {
    return orderState(this.#options.pool, orderId)
  }

  audit(query: Parameters<Ops['audit']>[0]) {
    return auditEntries(this.#options.pool, query)
  }

  redrive(orderId: string, redrive: Redrive): Promise<Redriven | Refused> {
    return this.#act({ orderId, ...redrive })
  }

  discard(orderId: string, discard: Discard): Promise<Redriven | Refused> {
    return this.#act({ orderId, operator: discard.operator, dryRun: false, discard })
  }

  async redriveAll(cause: string, redrive: Redrive): Promise<RedrivenAll> {
    const orders = await ordersHeldBy(this.#options.pool, cause)
    const items: RedrivenAll['items'] = []
    let next = 0
    const lane = async () => {
      for (let n = next++; n < orders.length; n = next++) items[n] = await this.#oneOfAll(orders[n]!, redrive)
    }
    await Promise.all(Array.from({ length: sideBySide }, lane))
    const sum = (of: (item: (typeof items)[number]) => number) => items.reduce((before, item) => before + of(item), 0)
    return {
      items,
      next: null,
      totals: {
        orders: items.length,
        applied: sum(({ applied }) => applied),
        remaining: sum(({ remaining }) => remaining),
        failed: sum(({ error }) => (error === undefined ? 0 : 1)),
      },
    }
  }

  async #oneOfAll({ orderId, count }: { orderId: string; count: number }, redrive: Redrive) {
    const nothing = { orderId, applied: 0 }
    try {
      const answer = await this.redrive(orderId, redrive)
      if (!('refused' in answer)) return answer
      // In the meantime its live traffic has healed it, or somebody else has.
      if (answer.refused === 'nothing-parked') return { ...nothing, remaining: 0 }
      return { ...nothing, remaining: count, error: answer.detail }
    } catch (error) {
      this.#options.logger.warn({ err: error, orderId }, 'an order could not be redriven')
      return { ...nothing, remaining: count, error: error instanceof Error ? error.message : String(error) }
    }
  }

  async #act(action: Action): Promise<Redriven | Refused> {
    let done: Done<State, Event> | Refused
    try {
      done = await this.#commit(action)
    } catch (error) {
      if (!(error instanceof RegistryAway)) throw error
      return { refused: 'registry-away', detail: `The schema registry does not answer: ${error.message}.` }
    }
    if ('refused' in done) return done
    const { answer, saved } = done
    if (saved && !action.dryRun) this.#tell(action, answer, saved)
    return answer
  }

  /** As a batch is committed: if the database refuses a row the order is run again event by event (rule 17). */
  async #commit(action: Action): Promise<Done<State, Event> | Refused> {
    const { pool, context } = this.#options
    await context.decoder.learnOf(await valueStarts(pool, action.orderId))
    for (let singly = false; ; ) {
      const work = (tx: Tx) => redriveOrder(tx, action, context, singly)
      try {
        return await transaction(pool, (tx) => (action.dryRun ? undone(tx, work) : work(tx)))
      } catch (error) {
        if (error instanceof SchemasMissing) await context.decoder.learn(error.ids)
        else if (!singly && sqlFault(error) === 'row') singly = true
        else throw error
      }
    }
  }

  #tell({ orderId, operator, discard }: Action, answer: Redriven, saved: Saved<State, Event>): void {
    const { logger, metrics, onSaved } = this.#options
    const { applied, remaining, stoppedAt } = answer
    metrics.redriven.inc(applied)
    if (discard) {
      const { event, reason, skipVersion } = discard
      metrics.discarded.inc()
      logger.warn({ orderId, operator, event, reason, skipVersion, applied, remaining }, 'a record was discarded')
    } else logger.info({ orderId, operator, applied, remaining, stoppedAt }, 'an order was redriven')
    onSaved(saved)
  }
}

/** What `work` gives, with nothing of it left. */
async function undone<T>(tx: Tx, work: (tx: Tx) => Promise<T>): Promise<T> {
  const results: T[] = []
  const undo = new Error('only tried')
  try {
    await savepoint(tx, async () => {
      results.push(await work(tx))
      throw undo
    })
  } catch (error) {
    if (error !== undo) throw error
  }
  return results[0]!
}
