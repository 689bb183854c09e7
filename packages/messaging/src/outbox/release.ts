import type { Tx } from '@inorder/storage/transaction.ts'
import type { Decoder } from '../kafka/decode.ts'
import { newestStaged, removeStagedOf, stagedRecords } from './recovery-staging.ts'

/** What recovery has kept of the log about an order that is held. */
export interface HeldEvidence<Event> {
  /** Before the transaction that asks for `newest`: asks the registry for the schema that it takes. */
  learn(db: Tx, orderId: string): Promise<void>
  /** The highest version that could be read, and its event, if it still can be. */
  newest(tx: Tx, orderId: string): Promise<{ version: number; event: Event | undefined } | undefined>
  /** The order was decided about. */
  forget(tx: Tx, orderId: string): Promise<void>
}

export const heldEvidence = <Event>(decoder: Decoder<Event>): HeldEvidence<Event> => ({
  async learn(db, orderId) {
    const newest = await newestStaged(db, orderId)
    const records = newest ? await stagedRecords(db, [newest.id]) : []
    await decoder.learnOf(records.map(({ value }) => value))
  },
  async newest(tx, orderId) {
    const newest = await newestStaged(tx, orderId)
    if (!newest) return undefined
    const [record] = await stagedRecords(tx, [newest.id])
    return { version: newest.version, event: record && decoder.decode('', record).decoded?.event }
  },
  forget: removeStagedOf,
})

export interface ReleaseAudit {
  operator: string
  orderId: string
  reason: string
  before: object
  after: object
  /** What the operator is told. */
  answer: object
}

/** In the transaction that does it; beside what is done to rows of the outbox. */
export async function addReleaseAudit(tx: Tx, audit: ReleaseAudit): Promise<void> {
  const { operator, orderId, reason, before, after, answer } = audit
  await tx.query(
    `INSERT INTO outbox_audit (operator, action, order_id, reason, before, after, answer)
     VALUES ($1, 'release', $2, $3, $4, $5, $6)`,
    [operator, orderId, reason, before, after, answer],
  )
}
