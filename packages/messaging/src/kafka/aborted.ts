import { isTransactional, type LogBatch, lastOffset } from './log-batch.ts'

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

const commitMarker = 1

/**
 * Which batches of an answer belong to aborted transactions, decided as Java's consumer does: the answer names each such
 * transaction that touches it, by producer and first offset; a producer's ends at its marker. Whether the marker is in the
 * same answer makes no difference. Batches are to be given in the order of the log.
 */
export class AbortedTransactions {
  readonly #coming: AbortedTransaction[]
  readonly #producers = new Set<bigint>()
  #n = 0

  constructor(transactions: readonly AbortedTransaction[]) {
    this.#coming = [...transactions].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1))
  }

  hold(batch: LogBatch): boolean {
    this.#goTo(batch)
    return isTransactional(batch) && this.#producers.has(batch.producerId)
  }

  /** One that cannot be read ends its producer's transaction too: each marker does. */
  marker(batch: LogBatch): void {
    this.#goTo(batch)
    if (batch.records[0]?.key?.readInt16BE(2) !== commitMarker) this.#producers.delete(batch.producerId)
  }

  #goTo(batch: LogBatch): void {
    const last = lastOffset(batch)
    for (; this.#n < this.#coming.length && this.#coming[this.#n]!.firstOffset <= last; this.#n++)
      this.#producers.add(this.#coming[this.#n]!.producerId)
  }
}
