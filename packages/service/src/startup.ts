// What has to be there before a service is ready. It listens before that, and answers 503 while the database is unavailable.
import type { KafkaAccess } from '@inorder/messaging/kafka/access.ts'
import { RegistryDenied } from '@inorder/messaging/kafka/registry.ts'
import { databaseDenial } from '@inorder/storage/database-denied.ts'
import { MigrationChanged, MigrationsMissing } from '@inorder/storage/migrate.ts'
import { SharedSessions, takesWrites } from '@inorder/storage/pool.ts'
import { retry } from '@inorder/storage/retry.ts'
import type { Pool } from 'pg'
import type { Logger } from 'pino'

interface StartupOptions {
  pool: Pool
  /** Everything that needs the database before the service can work; again from its beginning while that is unavailable. */
  prepare(): Promise<void>
  /** The first contacts with other parts; asked for once the database is prepared, the registry until it answers. */
  contacts(): { kafka: Promise<unknown>; registry(): Promise<unknown> }
  /** Knows why Kafka cannot be used, where somebody has to mend it. */
  access: Pick<KafkaAccess, 'denied'> | undefined
  logger: Logger
}

/** After so long it is ready without Kafka and the registry: it works with what it has. A consumer's inbox waits for Kafka. */
const patienceMs = 5_000
const backoff = { firstMs: 500, longestMs: 2_000 }
const slowBackoff = { firstMs: 1_000, longestMs: 10_000 }

// A new database beside the old Kafka reads every event again, and has its effects, such as charges, performed again.
const otherData =
  'Start that release again, or start this one with another data folder (INORDER_DATA). Never delete the databases alone: this service would read all of Kafka anew, and charges would be made again'

export class Startup {
  readonly #options: StartupOptions
  #prepared = false
  readonly #unmet = new Set<'kafka' | 'registry'>(['kafka', 'registry'])
  #patient = true
  #registryDenied: string | undefined
  #databaseDenied: string | undefined

  constructor(options: StartupOptions) {
    this.#options = options
  }

  /** Resolves when the database is prepared. Rejects when trying again does not help, or `stopping` ends it. */
  async run(stopping: AbortSignal): Promise<void> {
    const { prepare, logger } = this.#options
    const onFailure = (error: unknown) => {
      if (error instanceof MigrationChanged) throw new Error(`${error.message}. ${otherData}`, { cause: error })
      if (error instanceof SharedSessions) throw error
      if (!this.#isDenied(error))
        logger.warn({ err: error }, 'the database is not ready: the service answers 503 and tries again')
    }
    await retry(prepare, { ...backoff, signal: stopping, onFailure })
    this.#prepared = true
    this.#meetOthers(stopping)
  }

  /** Names of the parts without which the service cannot do its work. */
  async missing(): Promise<string[]> {
    const denied = { kafka: this.#options.access?.denied, registry: this.#registryDenied }
    // What was never reached because it is denied is missing until that is mended, so that a rollout stops here.
    const others = [...this.#unmet].filter((part) => this.#patient || denied[part])
    const named = others.map((part) => (denied[part] ? `${part} (${denied[part]})` : part))
    if (await this.#databaseWorks()) return named
    return [this.#databaseDenied ? `database (${this.#databaseDenied})` : 'database', ...named]
  }

  async #databaseWorks(): Promise<boolean> {
    if (!this.#prepared) return false
    try {
      const works = await takesWrites(this.#options.pool)
      this.#databaseDenied = undefined
      if (!works) this.#options.logger.warn('the database only reads now: nothing can be stored until it writes again')
      return works
    } catch (error) {
      if (!this.#isDenied(error)) this.#options.logger.debug({ err: error }, 'the database does not answer')
      return false
    }
  }

  /** What somebody has to mend is told once, and is shown while it lasts. */
  #isDenied(error: unknown): boolean {
    const denied = error instanceof MigrationsMissing ? error.message : databaseDenial(error)
    if (denied && denied !== this.#databaseDenied)
      this.#options.logger.error(
        { alarm: 'database-denied', cause: denied, err: error },
        'the service cannot work with its database: it answers 503 and tries again until that is mended',
      )
    this.#databaseDenied = denied
    return denied !== undefined
  }

  #meetOthers(stopping: AbortSignal): void {
    const { kafka, registry } = this.#options.contacts()
    setTimeout(() => {
      this.#patient = false
    }, patienceMs).unref()
    void kafka.then(() => this.#unmet.delete('kafka'))
    const onFailure = (error: unknown, failures: number) => this.#registryFailed(error as Error, failures)
    retry(registry, { ...slowBackoff, signal: stopping, onFailure }).then(
      () => this.#unmet.delete('registry'),
      () => stopping.aborted,
    )
  }

  #registryFailed(error: Error, failures: number): void {
    const { logger } = this.#options
    const denied = error instanceof RegistryDenied ? error.message : undefined
    const isNew = denied !== this.#registryDenied
    this.#registryDenied = denied
    if (denied && isNew)
      logger.error({ alarm: 'registry-denied', cause: denied }, 'the schema registry denies us something')
    if (!denied && failures === 1)
      logger.warn(
        { err: error, part: 'registry' },
        'a part does not answer at the start: 5 s later the service counts as ready without it',
      )
  }
}
