import type { Tx } from '@inorder/storage/transaction.ts'
import type { Logger } from 'pino'

/**
 * Rule 19, for who publishes: raises the alarm if what was published before went to another topic of this name. To be asked
 * before the first offset of the new one is stored.
 */
export async function tellIfReplaced(db: Tx, logger: Logger, topic: string, topicId: string): Promise<void> {
  const { rows } = await db.query<{ topic_id: string }>('SELECT DISTINCT topic_id FROM outbox_published')
  const before = rows.map(({ topic_id }) => topic_id)
  if (before.length === 0 || before.includes(topicId)) return
  logger.error(
    { alarm: 'inbox-topic-replaced', topic, topicId: before.join(', '), now: topicId },
    'the topic was deleted and made again: its events of before are in the databases alone, and no new service can read them',
  )
}
