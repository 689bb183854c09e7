import type { Tx } from '@inorder/storage/transaction.ts'
import type { Result } from './group.ts'
import { earlierOf, type KeyUse, keyName } from './idempotency.ts'

/** The idempotency keys that requests of this process use now, with the hashes of their bodies. */
export class KeysUnderWay {
  readonly #db: Tx
  readonly #hashes = new Map<string, Buffer>()

  constructor(db: Tx) {
    this.#db = db
  }

  /**
   * A second use of a key does not wait for the first: it is told what is stored, which any number of repeats can be at
   * once, or else that the key is undecided. So a group never has two of one key (rule 1).
   */
  async firstUse(key: KeyUse, submit: () => Promise<Result>): Promise<Result> {
    const name = keyName(key)
    const underWay = this.#hashes.get(name)
    if (underWay) {
      const stored = await earlierOf(this.#db, [key]).catch(() => undefined)
      return stored?.get(name) ?? { kind: underWay.equals(key.hash) ? 'undecided' : 'another-request' }
    }
    this.#hashes.set(name, key.hash)
    try {
      return await submit()
    } finally {
      this.#hashes.delete(name)
    }
  }

  async isRepeat(key: KeyUse): Promise<boolean> {
    return this.#hashes.has(keyName(key)) || (await earlierOf(this.#db, [key])).size > 0
  }
}
