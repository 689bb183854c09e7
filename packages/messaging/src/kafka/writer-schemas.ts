import { type Fault, faultOf } from './event.ts'
import { type SchemaRegistry, UnknownSchema } from './registry.ts'

type BodyReader<Event> = (body: Buffer) => Event

/** Asked for a larger one, some registries answer as if they were broken, and the batch would be tried for ever. */
const largestId = 2 ** 31 - 1
/** A record of garbage may name any of four thousand million: what is remembered is bounded, and so is what is asked at once. */
const mostUnknown = 10_000
const sideBySide = 16
const unknownForMs = 5_000

interface UnknownId {
  readonly fault: Fault
  /** `performance.now()` of the answer. */
  readonly at: number
}

/** The schemas that records were written with, by their ids in the registry. */
export class WriterSchemas<Event> {
  readonly #registry: Pick<SchemaRegistry, 'schemaOf'>
  readonly #decoder: (schema: string) => BodyReader<Event>
  readonly #readers = new Map<number, BodyReader<Event>>()
  /** Ids that the registry did not know when it was last asked, the oldest answer first. */
  readonly #unknown = new Map<number, UnknownId>()

  constructor(registry: Pick<SchemaRegistry, 'schemaOf'>, decoder: (schema: string) => BodyReader<Event>) {
    this.#registry = registry
    this.#decoder = decoder
  }

  /** Undefined: the registry was never asked for this id. */
  find(id: number): BodyReader<Event> | Fault | undefined {
    return this.#readers.get(id) ?? this.#unknown.get(id)?.fault
  }

  /** Whether the registry has to be asked: the id was never learnt, or the answer "unknown" is too old. */
  isOpen(id: number): boolean {
    const unknown = this.#unknown.get(id)
    return !this.#readers.has(id) && (!unknown || performance.now() - unknown.at > unknownForMs)
  }

  /** Asks for these, whatever the last answer was. The first failure of the registry is thrown; what was learnt stays. */
  async learn(ids: Iterable<number>): Promise<void> {
    const missing = [...ids].filter((id) => !this.#readers.has(id))
    let failed = false
    const worker = async () => {
      for (let id = missing.pop(); id !== undefined && !failed; id = missing.pop()) {
        try {
          await this.#ask(id)
        } catch (error) {
          failed = true
          throw error
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(sideBySide, missing.length) }, worker))
  }

  async #ask(id: number): Promise<void> {
    try {
      if (id > largestId)
        throw new UnknownSchema(`${id} is no id of a schema: registries issue none above ${largestId}`)
      this.#readers.set(id, this.#reader(await this.#registry.schemaOf(id)))
      this.#unknown.delete(id)
    } catch (error) {
      if (!(error instanceof UnknownSchema)) throw error
      this.#unknown.delete(id)
      for (const oldest of this.#unknown.keys()) if (this.#unknown.size >= mostUnknown) this.#unknown.delete(oldest)
      this.#unknown.set(id, { fault: faultOf('unknown-schema', error), at: performance.now() })
    }
  }

  /** A writer's schema that does not resolve to ours makes each of its records undecodable, not the batch. */
  #reader(schema: string): BodyReader<Event> {
    try {
      return this.#decoder(schema)
    } catch (error) {
      return () => {
        throw error
      }
    }
  }
}
