import { sqlState } from '@inorder/storage/sqlstate.ts'
import { type Fault, faultOf } from '../kafka/event.ts'

/** A record that failed so often, alone, while others did not, is refused for its own sake. */
export const enoughFailures = 5

interface Suspect {
  readonly place: string
  /** SQLSTATE, or the kind of mistake. */
  readonly likeness: string
  failures: number
}

/** Equal for failures that are alike. Their texts are not compared: they name the key. */
export const likenessOf = (error: unknown): string =>
  sqlState(error) ?? (error instanceof Error ? error.name : typeof error)

export const refusedFault = (error: unknown): Fault =>
  faultOf('refused', `it is refused (${likenessOf(error)}): ${error instanceof Error ? error.message : error}`)

/**
 * Rule 17, for a failure of which no SQLSTATE says whose it is: what is counted against the record at which a partition
 * stands. It is the record's own only if nothing else fails alike meanwhile.
 */
export class Suspects {
  /** By partition. */
  readonly #suspects = new Map<number, Suspect>()
  readonly #verdicts = new Map<string, Fault>()

  /** By place: records that are to be parked with these faults. */
  get verdicts(): ReadonlyMap<string, Fault> {
    return this.#verdicts
  }

  has(partition: number): boolean {
    return this.#suspects.has(partition)
  }

  /**
   * The record has failed alone. `othersSucceed`: something of another key has been stored, or could have been, since.
   * Returns whether it is refused for its own sake.
   */
  failed(partition: number, place: string, error: unknown, othersSucceed: boolean): boolean {
    const likeness = likenessOf(error)
    let suspect = this.#suspects.get(partition)
    if (suspect?.place !== place || suspect.likeness !== likeness) {
      suspect = { place, likeness, failures: 0 }
      this.#suspects.set(partition, suspect)
    }
    suspect.failures = othersSucceed ? suspect.failures + 1 : 0
    if (suspect.failures < enoughFailures) return false
    this.#verdicts.set(place, refusedFault(error))
    return true
  }

  /** The partition has moved. */
  moved(partition: number): void {
    const suspect = this.#suspects.get(partition)
    if (!suspect) return
    this.#suspects.delete(partition)
    this.#verdicts.delete(suspect.place)
  }
}
