// Keys that are due go on by themselves: at the start, when a batch or an operator has left one, and each second for what
// an instance left that is no more, or whose pause has ended.
import { WokenLoop } from '@inorder/storage/woken-loop.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import { dueKeys } from './store.ts'

const pollMs = 1_000
const mostAtOnce = 100

interface DueKeysOptions {
  pool: Pool
  logger: Logger
  /** Pauses whose time is over end, which may make keys due. */
  endPassed(): Promise<void>
  /** Takes the steps that are left of the key. */
  goOn(key: string): Promise<void>
}

export function dueKeysLoop({ pool, logger, endPassed, goOn }: DueKeysOptions): WokenLoop {
  const loop: WokenLoop = new WokenLoop(pollMs, async () => {
    try {
      await endPassed()
      for (const key of await dueKeys(pool, mostAtOnce)) {
        if (loop.closing) return
        // One that fails does not hold up the others; the next look tries it again.
        await goOn(key).catch((error) =>
          logger.warn({ err: error, key }, 'what waits under a key could not be applied, and is tried again'),
        )
      }
    } catch (error) {
      logger.debug({ err: error }, 'the database could not be asked which keys are due')
    }
  })
  return loop
}
