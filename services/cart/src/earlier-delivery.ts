import type { DatabaseRun } from '@inorder/messaging/outbox/database-run.ts'
import type { Delivery, EventDelivery } from '@inorder/messaging/outbox/delivery.ts'
import { stillInOutbox } from '@inorder/messaging/outbox/outbox.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import type { Logger } from 'pino'

interface Parts {
  pool: Tx
  run: Pick<DatabaseRun, 'compared'>
  relay: { delivery: Delivery }
  logger: Logger
}

const deletedWithinMs = 100

/**
 * Rules 2 and 6: whether Kafka has the event of an earlier write, perhaps of another instance: what the outbox says counts.
 * `database`: the one in which the write was decided.
 */
export async function deliveryOfEarlier(
  { pool, run, relay, logger }: Parts,
  { eventId, waitMs, database }: { eventId: string; waitMs: number; database: string | undefined },
): Promise<EventDelivery> {
  // Another database's outbox says nothing of it.
  const isPublished = async () => (await stillInOutbox(pool, [eventId])).size === 0 && run.compared === database
  // A row is deleted a moment after its acknowledgement, of which only the leader can tell who joins between the two.
  const waits = [Math.min(waitMs, deletedWithinMs), Math.max(waitMs - deletedWithinMs, 0)]
  try {
    for (const ms of waits) {
      const waiter = relay.delivery.join(eventId)
      try {
        if ((await isPublished()) || (await waiter.within(ms)) === 'delivered') return 'delivered'
      } finally {
        waiter.forget()
      }
    }
    return (await isPublished()) ? 'delivered' : 'pending'
  } catch (error) {
    // It is stored whatever becomes of this question, so an error would be a lie.
    logger.warn({ err: error, eventId }, 'cannot ask the outbox')
    return 'pending'
  }
}
