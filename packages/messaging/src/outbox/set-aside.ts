// What an operator may do with outbox rows that were set aside (rule 9): have them tried again, or give them up.

import { transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { Refused, SetAside, SetAsideDiscarded, SetAsideOps, SetAsideRedriven } from './ops.ts'
import { dropRows } from './recovery-store.ts'
import {
  addOutboxAudit,
  lockSetAside,
  type SetAsideRow,
  setAsideAudit,
  setAsideDiscardAnswer,
  setAsideOf,
  setAsideRows,
} from './set-aside-store.ts'
import { retrySetAside } from './store.ts'

export interface SetAsideOptions {
  pool: Pool
  /** Of the same database, with a long deadline: what waits behind is counted by looking at all that waits. */
  maintenance: Pool
  relay: { wake(): void }
  /** Of its records, the topic's: the copies of parked records have those of their originals. */
  versionHeader: string
  logger: Logger
  /** What is missing once this event is dropped, and what to do about it. */
  consequence(row: { key: string; topic: string; version: number | null }): string
}

/** So many rows are locked at once. */
const together = 100

export class SetAsideOperator implements SetAsideOps {
  readonly #options: SetAsideOptions

  constructor(options: SetAsideOptions) {
    this.#options = options
  }

  async setAside({ limit, ...query }: Parameters<SetAsideOps['setAside']>[0]) {
    const rows = await this.#rows({ ...query, limit: limit + 1 })
    const page = rows.slice(0, limit)
    return { items: page.map(withoutId), next: rows.length > limit ? page.at(-1)!.id : null }
  }

  async setAsideOf(key: string) {
    const rows = await this.#rowsOf(key)
    return rows.length > 0 ? { key, events: rows.map(withoutId) } : undefined
  }

  setAsideAudit(query: Parameters<SetAsideOps['setAsideAudit']>[0]) {
    return setAsideAudit(this.#options.pool, query)
  }

  async redriveSetAside(key: string, redrive: { operator: string; dryRun: boolean }) {
    const rows = await this.#rowsOf(key)
    return rows.length > 0 ? this.#redrive(rows, redrive) : undefined
  }

  async redriveAllSetAside(cause: string, redrive: { operator: string; dryRun: boolean }) {
    return this.#redrive(await this.#rows({ cause, limit: null }), redrive)
  }

  async discardSetAside(
    key: string,
    { event, reason, operator }: { event: string; reason: string; operator: string },
  ): Promise<SetAsideDiscarded | Refused> {
    const { pool, relay, logger, consequence } = this.#options
    const rows = await this.#rowsOf(key)
    const row = rows.find((one) => one.event === event)
    const answer = await transaction(pool, async (tx) => {
      const isThere = row && (await lockSetAside(tx, [event])).size > 0
      if (!isThere) return await setAsideDiscardAnswer(tx, key, event)
      const { version, behind } = row
      const discarded = { key, event, version, behind, consequence: consequence(row) }
      await dropRows(tx, [event])
      const after = { setAside: null, consequence: discarded.consequence }
      const before = { setAside: withoutId(row) }
      const action = 'set-aside-discard'
      await addOutboxAudit(tx, { operator, action, key, event, reason, before, after, answer: discarded })
      return discarded
    })
    if (answer) {
      // A repeat wakes it too: the first may have died before it could.
      relay.wake()
      if (row)
        logger.warn({ alarm: 'event-dropped', operator, reason, ...answer }, 'an event was discarded unpublished')
      return answer
    }
    const [other] = rows
    if (other) return { refused: 'not-set-aside', detail: `${event} is not set aside; of ${key}, ${other.event} is.` }
    return { refused: 'nothing-set-aside', detail: `No event of ${key} is set aside.` }
  }

  #rows(query: { cause?: string; limit: number | null; after?: string }): Promise<SetAsideRow[]> {
    return setAsideRows(this.#options.maintenance, this.#options.versionHeader, query)
  }

  #rowsOf(key: string): Promise<SetAsideRow[]> {
    return setAsideOf(this.#options.maintenance, this.#options.versionHeader, key)
  }

  async #redrive(
    rows: readonly SetAsideRow[],
    { operator, dryRun }: { operator: string; dryRun: boolean },
  ): Promise<SetAsideRedriven> {
    const items: SetAsideRedriven['items'] = []
    for (let from = 0; from < rows.length; from += together) {
      const some = rows.slice(from, from + together)
      const told = some.map(({ key, event, behind }) => ({ key, event, behind }))
      try {
        if (dryRun) items.push(...told)
        else items.push(...(await this.#retry(some, operator)))
      } catch (error) {
        items.push(...told.map((item) => ({ ...item, error: (error as Error).message })))
      }
    }
    const failed = items.filter(({ error }) => error !== undefined).length
    if (!dryRun) {
      this.#options.relay.wake()
      const keys = items.slice(0, 10).map(({ key }) => key)
      this.#options.logger.info(
        { operator, events: items.length, failed, keys },
        'events that were set aside are tried again',
      )
    }
    return { items, next: null, totals: { events: items.length, redriven: items.length - failed, failed } }
  }

  #retry(rows: readonly SetAsideRow[], operator: string): Promise<SetAsideRedriven['items']> {
    return transaction(this.#options.pool, async (tx) => {
      const wanted = rows.map(({ event }) => event)
      const events = await lockSetAside(tx, wanted)
      // What somebody else has let go on meanwhile is no longer there.
      const ours = rows.filter(({ event }) => events.has(event))
      await retrySetAside(tx, [...events])
      const after = { setAside: null }
      const items = []
      for (const row of ours) {
        const { key, event, behind } = row
        const answer = { key, event, behind }
        const before = { setAside: withoutId(row) }
        await addOutboxAudit(tx, { operator, action: 'set-aside-redrive', key, event, before, after, answer })
        items.push(answer)
      }
      return items
    })
  }
}

const withoutId = ({ id: _, ...row }: SetAsideRow): SetAside => row
