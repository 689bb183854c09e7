import type { Tx } from '@inorder/storage/transaction.ts'
import type { Decoder } from '../kafka/decode.ts'
import { newestStaged } from './recovery-staging.ts'

/** What recovery has kept of the log about a key that is held. */
export class HeldEvidence<Event> {
  readonly #decoder: Decoder<Event>

  constructor(decoder: Decoder<Event>) {
    this.#decoder = decoder
  }

  /** Before the transaction that asks for `newest`: asks the registry for the schema that it takes. */
  async learn(db: Tx, key: string): Promise<void> {
    const newest = await newestStaged(db, key)
    if (newest) await this.#decoder.learnOf([newest.value])
  }

  /** The highest version that could be read, and its event, if it still can be. */
  async newest(tx: Tx, key: string): Promise<{ version: number; event: Event | undefined } | undefined> {
    const newest = await newestStaged(tx, key)
    return newest && { version: newest.version, event: this.#decoder.decode('', newest).decoded?.event }
  }

  /** The key was decided about. */
  async forget(tx: Tx, key: string): Promise<void> {
    await tx.query('DELETE FROM log_event WHERE key = $1', [key])
  }
}
