// A connection that is held for what it is, not borrowed from a pool: for a lock, or for notifications.
import { clientOf } from '@inorder/storage/connection.ts'
import { backoffMs, sleep } from '@inorder/storage/retry.ts'
import type pg from 'pg'

export function openSession(url: string, name: string, deadlineMs: number): pg.Client {
  return clientOf(url, {
    application_name: name,
    connectionTimeoutMillis: deadlineMs,
    query_timeout: deadlineMs,
    keepAlive: true,
  })
}

/** Aborted when the connection ends, whatever ends it. Not a promise: to wait for one each second would keep every wait. */
export function endOf(client: pg.Client): AbortSignal {
  const gone = new AbortController()
  const ended = (error = new Error('the connection has ended')) => gone.abort(error)
  client.on('error', ended)
  client.on('end', ended)
  return gone.signal
}

/** Without waiting: a server that has frozen never says goodbye. */
export function endSession(client: pg.Client): void {
  const timer = setTimeout(() => client.connection.stream.destroy(), 500)
  const ended = () => clearTimeout(timer)
  client.end().then(ended, ended)
}

const backoff = { firstMs: 1_000, longestMs: 2_000 }

/** Lives one session after the other until `closing`; `onLost` is told why one ended that should not have. */
export async function keepSession(
  closing: AbortSignal,
  live: (closing: AbortSignal) => Promise<void>,
  onLost: (error: Error) => void,
): Promise<void> {
  while (!closing.aborted) {
    try {
      await live(closing)
    } catch (error) {
      if (!closing.aborted) onLost(error as Error)
    }
    if (!closing.aborted) await sleep(backoffMs(1, backoff), closing)
  }
}
