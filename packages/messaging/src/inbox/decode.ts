import type { Topic } from '@inorder/contracts/topic.ts'
import { unframe } from '@inorder/contracts/wire-format.ts'
import { type SchemaRegistry, UnknownSchema } from '../registry.ts'
import { type DecodedEvent, type Entry, type Fault, faultOf, type Place } from './order.ts'
import type { SourceRecord } from './record.ts'

/** Thrown inside a transaction, where nothing outside is waited for: learn these and run the batch again. */
export class SchemasMissing extends Error {
  override readonly name = 'SchemasMissing'
  readonly ids: readonly number[]

  constructor(ids: readonly number[]) {
    super(`schemas ${ids.join(', ')} are not known yet`)
    this.ids = ids
  }
}

const mostUnknown = 10_000
/** Asked for a larger one, some registries answer as if they were broken, and the batch would be tried for ever. */
const largestId = 2 ** 31 - 1

type Read<Event> = { readonly decoded: DecodedEvent<Event> } | { readonly fault: Fault }

/** From bytes to entries. What cannot be read is a fault of its record; a registry that does not answer is thrown. */
export class Decoder<Event> {
  readonly #topic: Topic<Event>
  readonly #registry: Pick<SchemaRegistry, 'schemaOf'>
  readonly #readers = new Map<number, (body: Buffer) => Event>()
  /** Ids the registry did not know when it was last asked; it is asked again for each batch that has them. */
  readonly #unknown = new Map<number, Fault>()

  constructor(topic: Topic<Event>, registry: Pick<SchemaRegistry, 'schemaOf'>) {
    this.#topic = topic
    this.#registry = registry
  }

  async entries(topicId: string, records: readonly SourceRecord[]): Promise<Entry<Event>[]> {
    await this.learnOf(records.map(({ value }) => value))
    return records.map((record) => this.entry(topicId, record))
  }

  /** Reads the schemas that these values name, those that were unknown anew. The first five bytes of a value suffice. */
  async learnOf(values: Iterable<Buffer | null>): Promise<void> {
    const missing = new Set<number>()
    for (const value of values) {
      const id = value && schemaIdOf(value)
      if (typeof id === 'number' && !this.#readers.has(id)) missing.add(id)
    }
    await this.learn(missing)
  }

  /** Reads these schemas. One after the other: a flood of garbage must not become a flood at the registry. */
  async learn(ids: Iterable<number>): Promise<void> {
    for (const id of ids) {
      try {
        if (id > largestId) throw new UnknownSchema(`${id} is more than a registry gives away`)
        this.#readers.set(id, this.#reader(await this.#registry.schemaOf(id)))
        this.#unknown.delete(id)
      } catch (error) {
        if (!(error instanceof UnknownSchema)) throw error
        if (this.#unknown.size >= mostUnknown) this.#unknown.clear()
        this.#unknown.set(id, faultOf('unknown-schema', error))
      }
    }
  }

  /** A record whose schema is learnt; `before` is where it is parked. */
  entry(topicId: string, record: SourceRecord, before?: Place): Entry<Event> {
    const { partition, offset } = record
    const at = { topicId, partition, offset, record, before, place: before }
    const unread = { version: null, eventId: null, decoded: undefined }
    const nowhere = { orderId: `@${this.#topic.name}:${partition}:${offset}`, orderless: true }

    const { reference } = record
    const unkept = reference && { fault: faultOf(reference.cause, reference.detail) }
    const key = this.#orderIdOf(record.key)
    if (typeof key !== 'string') return { ...at, ...nowhere, ...unread, fault: unkept?.fault ?? key }
    const read = unkept ?? this.#read(record.value)
    if ('fault' in read) return { ...at, orderId: key, orderless: false, ...unread, fault: read.fault }
    const { decoded } = read
    const { orderId } = this.#topic.describe(decoded.event)
    if (orderId !== key) {
      const fault = faultOf('key-mismatch', `the key names ${key}, the event ${orderId}`)
      return { ...at, ...nowhere, ...unread, fault }
    }
    const { version, eventId } = decoded
    return { ...at, orderId: key, orderless: false, version, eventId, decoded, fault: undefined }
  }

  #orderIdOf(key: Buffer | null): string | Fault {
    if (!key) return faultOf('no-key', 'the record has no key')
    try {
      const orderId = this.#topic.key.decode(key)
      return orderId.includes('\0') ? faultOf('no-key', 'the key holds a NUL') : orderId
    } catch (error) {
      return faultOf('no-key', error)
    }
  }

  #read(value: Buffer | null): Read<Event> {
    if (!value) return { fault: faultOf('tombstone', 'the record has no value') }
    try {
      const { schemaId, body } = unframe(value)
      const reader = this.#readers.get(schemaId)
      const unknown = this.#unknown.get(schemaId)
      if (!reader && unknown) return { fault: unknown }
      if (!reader) throw new SchemasMissing([schemaId])
      const event = reader(body)
      const { eventId, version } = this.#topic.describe(event)
      if (!Number.isSafeInteger(version) || version < 1) throw new RangeError(`version ${version} is none`)
      if (eventId.includes('\0')) throw new RangeError('the event id holds a NUL')
      return { decoded: { eventId, version, event } }
    } catch (error) {
      if (error instanceof SchemasMissing) throw error
      return { fault: faultOf('undecodable', error) }
    }
  }

  /** A writer's schema that does not resolve to ours makes each of its records undecodable, not the batch. */
  #reader(schema: string): (body: Buffer) => Event {
    try {
      return this.#topic.value.decoder(schema)
    } catch (error) {
      return () => {
        throw error
      }
    }
  }
}

function schemaIdOf(value: Buffer): number | undefined {
  try {
    return unframe(value).schemaId
  } catch {
    return undefined // no frame: `entry` says so of the record
  }
}
