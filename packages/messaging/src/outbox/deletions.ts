import { backoffMs, sleep } from '@inorder/storage/retry.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { Lane } from './lane.ts'
import { deleteRows, type OutboxRow, vacuum } from './store.ts'

interface Acknowledged {
  lane: Lane
  rows: readonly OutboxRow[]
}

// Autovacuum looks once a minute; at 7,500 rows a second the table would by then be 20 times as large.
const deadBeforeVacuum = 20_000
const backoff = { firstMs: 500, longestMs: 2_000 }

/** Deletes what Kafka has acknowledged. What comes while a statement runs goes together into the next. */
export class Deletions {
  readonly #pool: Pool
  readonly #maintenance: Pool
  readonly #logger: Logger
  readonly #onDeleted: (rows: readonly OutboxRow[]) => void
  #queue: Acknowledged[] = []
  #running: Promise<void> | undefined
  #closing = false
  #failures = 0
  #dead = 0
  /** So many dead rows the last vacuum had to leave: the next one waits for as many new ones, or it would do little else. */
  #left = 0
  #vacuuming = false

  constructor(pool: Pool, maintenance: Pool, logger: Logger, onDeleted: (rows: readonly OutboxRow[]) => void) {
    this.#pool = pool
    this.#maintenance = maintenance
    this.#logger = logger
    this.#onDeleted = onDeleted
  }

  add(lane: Lane, rows: readonly OutboxRow[]): void {
    this.#queue.push({ lane, rows })
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  /** Resolves when everything is deleted, or could not be: then it is published once more, by the next leader. */
  async close(): Promise<void> {
    this.#closing = true
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0)
      try {
        await deleteRows(
          this.#pool,
          batch.flatMap(({ rows }) => rows.map((row) => row.eventId)),
        )
      } catch (error) {
        if (this.#failures++ === 0)
          this.#logger.warn({ cause: (error as Error).message }, 'published events stay for now')
        if (this.#closing) return
        this.#queue.unshift(...batch)
        await sleep(backoffMs(this.#failures, backoff))
        continue
      }
      this.#failures = 0
      for (const { lane, rows } of batch) {
        for (const row of rows) lane.acknowledged.delete(row.id)
        this.#dead += rows.length
        this.#onDeleted(rows)
      }
      if (!this.#vacuuming && this.#dead >= Math.max(deadBeforeVacuum, this.#left)) void this.#vacuum()
    }
  }

  async #vacuum(): Promise<void> {
    this.#dead = 0
    this.#vacuuming = true
    try {
      this.#left = await vacuum(this.#maintenance)
    } catch (error) {
      this.#logger.warn({ cause: (error as Error).message }, 'vacuum of the outbox failed')
    } finally {
      this.#vacuuming = false
    }
  }
}
