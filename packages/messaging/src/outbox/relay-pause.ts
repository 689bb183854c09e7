// Rule 23: publishing stands still while partitions are raised, by a flag in the database.
import type { Tx } from '@inorder/storage/transaction.ts'

/** Nothing of the topic is published any more, as soon as `relayOf` says `paused`, until `resumeRelay`. */
export async function pauseRelay(db: Tx, topic: string): Promise<void> {
  await db.query(`UPDATE outbox_topic SET relay = 'pausing' WHERE topic = $1 AND relay = 'runs'`, [topic])
}

export async function resumeRelay(db: Tx, topic: string): Promise<void> {
  await db.query(`UPDATE outbox_topic SET relay = 'runs' WHERE topic = $1`, [topic])
}

export async function relayOf(db: Tx, topic: string): Promise<'runs' | 'pausing' | 'paused' | undefined> {
  const { rows } = await db.query('SELECT relay FROM outbox_topic WHERE topic = $1', [topic])
  return rows[0]?.relay
}

/** Whether whoever publishes has to keep still. */
export async function isToPause(db: Tx): Promise<boolean> {
  return (await db.query(`SELECT FROM outbox_topic WHERE relay <> 'runs'`)).rows.length > 0
}

/** Called by whoever publishes: nothing is on its way. Says whether it is the first to find that. */
export async function confirmPause(db: Tx): Promise<boolean> {
  return ((await db.query(`UPDATE outbox_topic SET relay = 'paused' WHERE relay = 'pausing'`)).rowCount ?? 0) > 0
}
