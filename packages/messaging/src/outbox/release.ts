import type { Tx } from '@inorder/storage/transaction.ts'
import type { Decoder } from '../kafka/decode.ts'
import { newestStaged, removeStagedOf, stagedRecords } from './recovery-staging.ts'

/** What recovery has kept of the log about a key that is held. */
export interface HeldEvidence<Event> {
  /** Before the transaction that asks for `newest`: asks the registry for the schema that it takes. */
  learn(db: Tx, key: string): Promise<void>
  /** The highest version that could be read, and its event, if it still can be. */
  newest(tx: Tx, key: string): Promise<{ version: number; event: Event | undefined } | undefined>
  /** The key was decided about. */
  forget(tx: Tx, key: string): Promise<void>
}

export const heldEvidence = <Event>(decoder: Decoder<Event>): HeldEvidence<Event> => ({
  async learn(db, key) {
    const newest = await newestStaged(db, key)
    const records = newest ? await stagedRecords(db, [newest.id]) : []
    await decoder.learnOf(records.map(({ value }) => value))
  },
  async newest(tx, key) {
    const newest = await newestStaged(tx, key)
    if (!newest) return undefined
    const [record] = await stagedRecords(tx, [newest.id])
    return { version: newest.version, event: record && decoder.decode('', record).decoded?.event }
  },
  forget: removeStagedOf,
})

export interface ReleaseAudit {
  operator: string
  key: string
  reason: string
  before: object
  after: object
  /** What the operator is told. */
  answer: object
}

/** In the transaction that does it; beside what is done to rows of the outbox. */
export async function addReleaseAudit(tx: Tx, audit: ReleaseAudit): Promise<void> {
  const { operator, key, reason, before, after, answer } = audit
  await tx.query(
    `INSERT INTO outbox_audit (operator, action, key, reason, before, after, answer)
     VALUES ($1, 'release', $2, $3, $4, $5, $6)`,
    [operator, key, reason, before, after, answer],
  )
}
