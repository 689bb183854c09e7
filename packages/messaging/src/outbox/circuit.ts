import type { Logger } from 'pino'

/** Whether Kafka takes events. Open until something was acknowledged, and again from the first send that Kafka does not answer on. */
export class Circuit {
  readonly #logger: Logger
  readonly #onChange: (isUnavailable: boolean) => void
  readonly #contact = Promise.withResolvers<void>()
  #state: 'not known yet' | 'open' | 'closed' = 'not known yet'

  constructor(logger: Logger, onChange: (isUnavailable: boolean) => void) {
    this.#logger = logger
    this.#onChange = onChange
  }

  get unavailable(): boolean {
    return this.#state !== 'closed'
  }

  /** Resolves when the circuit is closed for the first time. */
  get contact(): Promise<void> {
    return this.#contact.promise
  }

  open(cause: Error): void {
    if (this.#state === 'open') return
    this.#state = 'open'
    this.#logger.warn({ cause: cause.message }, 'Kafka is unavailable: events are stored and go out later')
    this.#onChange(true)
  }

  close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#logger.info('Kafka takes events')
    this.#contact.resolve()
    this.#onChange(false)
  }
}
