// What an operator sees of the outbox, and may do with rows that were set aside (rule 9): have them tried again, or give them up.

import { transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import { actOnAll, mostInOneCall } from './act-on-all.ts'
import { addAudit, auditEntries, discardAnswer } from './audit.ts'
import type {
  AuditEntry,
  List,
  OutboxOfKey,
  Refused,
  SetAside,
  SetAsideDiscarded,
  SetAsideOfKey,
  SetAsideRedriven,
} from './ops.ts'
import { dropRows } from './recovery-store.ts'
import { lockSetAside, setAsideRows, waitingRows } from './set-aside-store.ts'
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
  consequence(row: SetAside): string
}

interface Redrive {
  operator: string
  dryRun: boolean
}

export type SetAsideOps = Pick<SetAsideOperator, keyof SetAsideOperator>

export class SetAsideOperator {
  readonly #options: SetAsideOptions

  constructor(options: SetAsideOptions) {
    this.#options = options
  }

  /** The oldest first; `after` is the `next` of the page before. */
  list(query: { key?: string; cause?: string; limit?: number; after?: string }): Promise<List<SetAside>> {
    return setAsideRows(this.#options.maintenance, this.#options.versionHeader, query)
  }

  /** What of this key Kafka has not acknowledged, set aside or not. */
  async waitingOf(key: string): Promise<OutboxOfKey> {
    const { maintenance, versionHeader } = this.#options
    return { key, events: await waitingRows(maintenance, versionHeader, key) }
  }

  /** Undefined: nothing of this key is set aside. */
  async of(key: string): Promise<SetAsideOfKey | undefined> {
    const { items } = await this.list({ key })
    return items.length > 0 ? { key, events: items } : undefined
  }

  /** Undefined: nothing of this key is set aside. */
  async redrive(key: string, redrive: Redrive): Promise<SetAsideRedriven | undefined> {
    const found = await this.list({ key })
    return found.items.length > 0 ? this.#redrive(found, redrive) : undefined
  }

  /** The oldest 1,000 of the cause; `after` is the `next` of the call before. */
  async redriveAll(cause: string, { after, ...redrive }: Redrive & { after?: string }): Promise<SetAsideRedriven> {
    return this.#redrive(await this.list({ cause, limit: mostInOneCall, ...(after && { after }) }), redrive)
  }

  async discard(
    key: string,
    { event, reason, operator }: { event: string; reason: string; operator: string },
  ): Promise<SetAsideDiscarded | Refused> {
    const { pool, relay, logger, consequence } = this.#options
    const { items: rows } = await this.list({ key })
    const row = rows.find((one) => one.event === event)
    const answer = await transaction(pool, async (tx) => {
      const isThere = row && (await lockSetAside(tx, [event])).size > 0
      if (!isThere) return (await discardAnswer<SetAsideDiscarded>(tx, 'outbox_audit', key, event))?.answer
      const { version, behind } = row
      const discarded = { key, event, version, behind, consequence: consequence(row) }
      await dropRows(tx, [event])
      const after = { setAside: null, consequence: discarded.consequence }
      const act = { operator, action: 'set-aside-discard', key, event, reason }
      await addAudit(tx, 'outbox_audit', [{ ...act, before: { setAside: row }, after, answer: discarded }])
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

  /** What was done to such rows, the newest first. */
  audit(query: { limit: number; after?: number }): Promise<List<AuditEntry>> {
    return auditEntries(this.#options.pool, query, 'outbox_audit')
  }

  async #redrive({ items: rows, next }: List<SetAside>, { operator, dryRun }: Redrive): Promise<SetAsideRedriven> {
    const { relay, logger } = this.#options
    const { items, done, failed } = await actOnAll(rows, shown, (some) => (dryRun ? some : this.#retry(some, operator)))
    if (!dryRun) {
      relay.wake()
      const keys = items.slice(0, 10).map(({ key }) => key)
      logger.info({ operator, events: items.length, failed, keys, next }, 'events that were set aside are tried again')
    }
    return { items, next, totals: { events: items.length, redriven: done, failed } }
  }

  #retry(rows: readonly SetAside[], operator: string): Promise<SetAside[]> {
    return transaction(this.#options.pool, async (tx) => {
      const wanted = rows.map(({ event }) => event)
      const events = await lockSetAside(tx, wanted)
      // What somebody else has let go on meanwhile is no longer there.
      const ours = rows.filter(({ event }) => events.has(event))
      await retrySetAside(tx, [...events])
      const acts = ours.map((row) => ({
        operator,
        action: 'set-aside-redrive',
        key: row.key,
        event: row.event,
        before: { setAside: row },
        after: { setAside: null },
        answer: shown(row),
      }))
      await addAudit(tx, 'outbox_audit', acts)
      return ours
    })
  }
}

const shown = ({ key, event, behind }: SetAside) => ({ key, event, behind })
