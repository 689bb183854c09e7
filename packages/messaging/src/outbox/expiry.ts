import { WokenLoop } from '@inorder/storage/woken-loop.ts'
import type { Logger } from 'pino'

const pollMs = 600_000

/** Each 10 minutes removes what is too old. `remove` takes a piece of it, in a transaction, and says whether there may be more. */
export function expiry(logger: Logger, what: string, remove: () => Promise<boolean>): WokenLoop {
  const loop: WokenLoop = new WokenLoop(pollMs, async () => {
    try {
      while (!loop.closing && (await remove()));
    } catch (error) {
      logger.warn({ err: error }, `${what} were not removed: tried again in 10 minutes`)
    }
  })
  return loop
}
