import { refusalOf } from '@inorder/storage/sqlstate.ts'
import { rolledBack, type Tx, transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import type { BatchContext } from './apply.ts'
import { type BatchResult, isApplicable } from './batch.ts'
import type { Entry } from './key-state.ts'
import { likenessOf } from './suspects.ts'

/** Records of other keys that are tried in the hope that one can be applied. */
const mostTries = 10

type Sample<State, Event> = BatchResult<State, Event>['applied'][number]

/** Says whether others succeed where a record fails, by trying and rolling back. */
export class Witness<State, Event> {
  readonly #pool: Pool
  readonly #context: BatchContext<State, Event>
  /** What was stored last of two keys: one of them is not the record's. */
  #samples: readonly Sample<State, Event>[] = []

  constructor(pool: Pool, context: BatchContext<State, Event>) {
    this.#pool = pool
    this.#context = context
  }

  remember({ applied }: BatchResult<State, Event>): void {
    const last = applied.at(-1)
    if (!last) return
    const other = [...this.#samples, ...applied.slice(0, 1)].findLast(({ key }) => key !== last.key)
    this.#samples = other ? [other, last] : [last]
  }

  /**
   * The next record of another key that has something to apply; where there is none, a write of what another key has
   * stored. False: it fails alike, or there is nothing to try.
   */
  async othersSucceed(guilty: Entry<Event>, error: unknown, entries: readonly Entry<Event>[]): Promise<boolean> {
    const keys = new Set([guilty.key])
    const others = entries.filter(({ key, keyless, decoded, offset }) => {
      if (keyless || !decoded || offset <= guilty.offset || keys.has(key)) return false
      keys.add(key)
      return true
    })
    for (const other of others.slice(0, mostTries)) {
      const answer = await this.#tried(error, (tx) => isApplicable(tx, other, this.#context))
      if (answer !== 'nothing') return answer === 'succeeds'
    }
    const sample = this.#samples.find(({ key }) => key !== guilty.key)
    if (!sample) return false
    const write = async (tx: Tx) => {
      await this.#context.handler.save(tx, new Map([[sample.key, sample.state]]), [sample])
      return true
    }
    return (await this.#tried(error, write)) === 'succeeds'
  }

  async #tried(failure: unknown, work: (tx: Tx) => Promise<boolean>): Promise<'succeeds' | 'fails alike' | 'nothing'> {
    try {
      return (await transaction(this.#pool, (tx) => rolledBack(tx, () => work(tx)))) ? 'succeeds' : 'nothing'
    } catch (error) {
      if (likenessOf(error) === likenessOf(failure)) return 'fails alike'
      if (refusalOf(error) === 'outage') throw error
      return 'nothing'
    }
  }
}
