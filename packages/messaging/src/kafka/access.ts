import type { ConnectionOptions, SASLOptions } from '@platformatic/kafka'
import { isDenial } from './access-denied.ts'
import { KafkaRefused } from './errors.ts'
import { OnceAMinute } from './once-a-minute.ts'

interface Denial {
  error: Error
  /** `performance.now()`. */
  at: number
}

/** Between two attempts at what was denied: an account may be locked for trying too often. */
const pauseMs = 10_000

/**
 * How a process gets at a Kafka that wants TLS or a login, and what it was denied there. Shared by its clients: what is
 * denied to one of them is not tried by the others either, for a while.
 */
export class KafkaAccess {
  readonly tls: NonNullable<ConnectionOptions['tls']> | undefined
  readonly sasl: SASLOptions | undefined
  /** Names of the settings that the login is made of. */
  readonly login: string
  /** Told of each denial, once a minute while it lasts. */
  onDenied: (cause: string) => void = () => {}
  readonly #denials = new Map<string, Denial>()
  readonly #told = new OnceAMinute<string>()

  constructor({ tls, sasl, login = 'KAFKA_SASL_USERNAME' }: Partial<Pick<KafkaAccess, 'tls' | 'sasl' | 'login'>> = {}) {
    this.tls = tls
    this.sasl = sasl
    this.login = login
  }

  /** Why Kafka cannot be used; undefined where nothing was denied lately. */
  get denied(): string | undefined {
    const now = performance.now()
    return [...this.#denials.values()].find(({ at }) => now - at < 2 * pauseMs)?.error.message
  }

  /** How a readiness check names what is missing. */
  get missing(): string {
    return this.denied ? `kafka (${this.denied})` : 'kafka'
  }

  /** Of the same kind, what was denied a moment ago is denied again without asking Kafka. */
  async attempt<T>(kind: string, work: () => Promise<T>): Promise<T> {
    const last = this.#denials.get(kind)
    if (last && performance.now() - last.at < pauseMs) throw last.error
    try {
      const result = await work()
      this.#denials.delete(kind)
      return result
    } catch (error) {
      if (isDenial(error)) this.#deny(kind, error)
      else if (error instanceof KafkaRefused) this.#denials.delete(kind)
      throw error
    }
  }

  #deny(kind: string, error: Error): void {
    this.#denials.set(kind, { error, at: performance.now() })
    if (this.#told.mayTell(error.message)) this.onDenied(error.message)
  }
}
