import { setTimeout as pause } from 'node:timers/promises'
import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { Lane } from './lane.ts'
import { deleteRows, type OutboxRow, vacuum } from './store.ts'

interface Acknowledged {
  lane: Lane
  rows: readonly OutboxRow[]
}

// Autovacuum looks once a minute; at 7,500 rows a second each read would by then step over 75,000 dead entries a lane.
const deadBeforeVacuum = 20_000
const retryMs = 500

/** Deletes what Kafka has acknowledged. What comes while a statement runs goes together into the next. */
export class Deletions {
  readonly #pool: Pool
  readonly #maintenance: Pool
  readonly #logger: Logger
  readonly #onDeleted: (rows: readonly OutboxRow[]) => void
  #queue: Acknowledged[] = []
  #running: Promise<void> | undefined
  #closing = false
  #failing = false
  #dead = 0

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
        if (!this.#failing) this.#logger.warn({ cause: (error as Error).message }, 'published events stay for now')
        this.#failing = true
        if (this.#closing) return
        this.#queue.unshift(...batch)
        await pause(retryMs)
        continue
      }
      this.#failing = false
      for (const { lane, rows } of batch) {
        for (const row of rows) lane.acknowledged.delete(row.id)
        this.#dead += rows.length
        this.#onDeleted(rows)
      }
      if (this.#dead >= deadBeforeVacuum) this.#vacuum()
    }
  }

  #vacuum(): void {
    this.#dead = 0
    vacuum(this.#maintenance).catch((error: Error) =>
      this.#logger.warn({ cause: error.message }, 'vacuum of the outbox failed'),
    )
  }
}
