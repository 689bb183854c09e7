import { sleep } from './retry.ts'

/**
 * Looks into the database for work: when it is woken, and else each `pollMs`, for what another instance left there.
 * A `wake` during a look brings about another one after it. `look` does not throw.
 */
export class WokenLoop {
  readonly #look: () => Promise<void>
  readonly #pollMs: number
  #alarm = new AbortController()
  #closing = false
  #running: Promise<void> | undefined

  constructor(pollMs: number, look: () => Promise<void>) {
    this.#pollMs = pollMs
    this.#look = look
  }

  get closing(): boolean {
    return this.#closing
  }

  start(): void {
    this.#running ??= this.#run()
  }

  wake(): void {
    this.#alarm.abort()
  }

  /** Resolves when the look under way has ended. */
  async close(): Promise<void> {
    this.#closing = true
    this.wake()
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#closing) {
      this.#alarm = new AbortController()
      await this.#look()
      await sleep(this.#pollMs, this.#alarm.signal)
    }
  }
}
