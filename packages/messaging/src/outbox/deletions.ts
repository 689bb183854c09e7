import { backoffMs } from '@inorder/storage/retry.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { Chunk } from './lane-table.ts'
import { deleteRows } from './store.ts'

/** Nobody waits for a deletion, and each costs a commit: they are collected for so long, or until there are so many rows. */
const collectMs = 50
const enough = 256
const mostTogether = 5_000
const backoff = { firstMs: 500, longestMs: 2_000 }

/** Deletes what Kafka has acknowledged, in that order: a later event of a key is never gone before an earlier one. */
export class Deletions {
  readonly #pool: Pool
  readonly #logger: Logger
  readonly #onDeleted: (chunks: readonly Chunk[]) => void
  #queue: Chunk[] = []
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #failures = 0

  constructor(pool: Pool, logger: Logger, onDeleted: (chunks: readonly Chunk[]) => void) {
    this.#pool = pool
    this.#logger = logger
    this.#onDeleted = onDeleted
  }

  add(chunks: readonly Chunk[]): void {
    this.#queue.push(...chunks)
    this.#schedule()
  }

  /** Resolves when what waits is deleted, or could not be: then it is published once more, by the next leader. */
  async flush(): Promise<void> {
    this.stop()
    do {
      while (this.#running) await this.#running
      if (this.#queue.length > 0) this.#running = this.#delete(this.#take())
      await this.#running
    } while (this.#queue.length > 0 && this.#failures === 0)
  }

  /** Nothing is tried before the next is added. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** A statement that runs does it when it ends: what hangs is tried again once, not once for each that came meanwhile. */
  #schedule(): void {
    if (this.#running || this.#queue.length === 0) return
    const rows = this.#queue.reduce((sum, chunk) => sum + chunk.rows.length, 0)
    if (this.#failures === 0 && rows >= enough) void this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), this.#failures ? backoffMs(this.#failures, backoff) : collectMs)
  }

  /** Whole chunks, as many as one statement deletes in its time. */
  #take(): Chunk[] {
    let rows = 0
    let count = 0
    while (count < this.#queue.length && rows < mostTogether) rows += this.#queue[count++]!.rows.length
    return this.#queue.splice(0, count)
  }

  async #delete(chunks: Chunk[]): Promise<void> {
    const eventIds = chunks.flatMap(({ rows }) => rows.map(({ eventId }) => eventId))
    try {
      await deleteRows(this.#pool, eventIds)
      this.#failures = 0
      this.#onDeleted(chunks)
    } catch (error) {
      if (this.#failures++ === 0) this.#logger.warn({ err: error }, 'published events stay for now')
      this.#queue.unshift(...chunks)
    }
    this.#running = undefined
    this.#schedule()
  }
}
