// Effects that are done are kept for some days, for whoever asks what became of an order.
import type { WokenLoop } from '@inorder/storage/woken-loop.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import { expiry } from '../outbox/expiry.ts'

/** Of one transaction. */
const piece = 1_000

/** Removes the oldest, as far as they are too old, and says how many. */
export async function forgetDone(pool: Pool, days: number): Promise<number> {
  const { rowCount } = await pool.query(
    `DELETE FROM effect_done WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM effect_done WHERE done_at < now() - make_interval(days => $1) ORDER BY done_at LIMIT ${piece}
     ))`,
    [days],
  )
  return rowCount ?? 0
}

export const doneExpiry = (pool: Pool, logger: Logger, days: number): WokenLoop =>
  expiry(
    logger,
    `effects that were done more than ${days} days ago`,
    async () => (await forgetDone(pool, days)) === piece,
  )
