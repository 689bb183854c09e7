// What has to be there before a service is ready. It listens before that, and answers 503 while the database is unavailable.
import { MigrationChanged } from '@inorder/storage/migrate.ts'
import { SharedSessions, takesWrites } from '@inorder/storage/pool.ts'
import { retry } from '@inorder/storage/retry.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'

interface StartupOptions {
  pool: Pool
  /** Everything that needs the database before the service can work; again from its beginning while that is unavailable. */
  prepare(): Promise<void>
  /** The first contacts with other parts, by their names; asked for once the database is prepared. */
  contacts(): Record<string, Promise<unknown>>
  logger: Logger
}

/** After so long it is ready without Kafka and the registry: it works with what it has. A consumer's inbox waits for Kafka. */
const patienceMs = 5_000
const backoff = { firstMs: 500, longestMs: 2_000 }

// A new database beside the old Kafka reads every event again, and has its effects, such as charges, performed again.
const otherData =
  'Start that release again, or start this one with another data folder (INORDER_DATA). Never delete the databases alone: this service would read all of Kafka anew, and charges would be made again'

export class Startup {
  readonly #options: StartupOptions
  #prepared = false
  readonly #unmet = new Set(['kafka', 'registry'])

  constructor(options: StartupOptions) {
    this.#options = options
  }

  /** Resolves when the database is prepared. Rejects when trying again does not help, or `stopping` ends it. */
  async run(stopping: AbortSignal): Promise<void> {
    const { prepare, logger } = this.#options
    const onFailure = (error: unknown) => {
      if (error instanceof MigrationChanged) throw new Error(`${error.message}. ${otherData}`, { cause: error })
      if (error instanceof SharedSessions) throw error
      logger.warn({ err: error }, 'the database is not ready: the service answers 503 and tries again')
    }
    await retry(prepare, { ...backoff, signal: stopping, onFailure })
    this.#prepared = true
    this.#meetOthers()
  }

  /** Names of the parts without which the service cannot do its work. */
  async missing(): Promise<string[]> {
    return [...((await this.#databaseWorks()) ? [] : ['database']), ...this.#unmet]
  }

  async #databaseWorks(): Promise<boolean> {
    if (!this.#prepared) return false
    try {
      const works = await takesWrites(this.#options.pool)
      if (!works) this.#options.logger.warn('the database only reads now: nothing can be stored until it writes again')
      return works
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'the database does not answer')
      return false
    }
  }

  #meetOthers(): void {
    const { contacts, logger } = this.#options
    setTimeout(() => this.#unmet.clear(), patienceMs).unref()
    for (const [part, contact] of Object.entries(contacts())) {
      contact.then(
        () => this.#unmet.delete(part),
        (error) =>
          logger.warn(
            { err: error, part },
            'a part does not answer at the start: 5 s later the service counts as ready without it',
          ),
      )
    }
  }
}
