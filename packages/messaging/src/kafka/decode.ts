import { type DecodedEvent, type DecodedRecord, type Fault, faultOf } from './event.ts'
import { bounded } from './large-records.ts'
import type { SourceRecord } from './record.ts'
import type { SchemaRegistry } from './registry.ts'
import type { Topic } from './topic.ts'
import { unframe } from './wire-format.ts'
import { WriterSchemas } from './writer-schemas.ts'

/** Thrown inside a transaction, where nothing outside is waited for: learn these and run the batch again. */
export class SchemasMissing extends Error {
  override readonly name = 'SchemasMissing'
  readonly ids: readonly number[]

  constructor(ids: readonly number[]) {
    super(`schemas ${ids.join(', ')} are not known yet`)
    this.ids = ids
  }
}

type Read<Event> = { readonly decoded: DecodedEvent<Event> } | { readonly fault: Fault }

/** From bytes to events. What cannot be read is a fault of its record; a registry that does not answer is thrown. */
export class Decoder<Event> {
  readonly #topic: Topic<Event>
  readonly #schemas: WriterSchemas<Event>

  constructor(topic: Topic<Event>, registry: Pick<SchemaRegistry, 'schemaOf'>) {
    this.#topic = topic
    this.#schemas = new WriterSchemas(registry, topic.value.decoder)
  }

  async decodeAll(topicId: string, records: readonly SourceRecord[]): Promise<DecodedRecord<Event>[]> {
    const kept = records.map(bounded)
    const open = schemaIdsOf(kept.map(({ value }) => value)).filter((id) => this.#schemas.isOpen(id))
    if (open.length > 0) await this.learn(open)
    return kept.map((record) => this.decode(topicId, record))
  }

  /** Asks anew for the schemas that these values name and that are not known. The first five bytes of a value suffice. */
  learnOf(values: readonly (Buffer | null)[]): Promise<void> {
    return this.learn(schemaIdsOf(values))
  }

  learn(ids: Iterable<number>): Promise<void> {
    return this.#schemas.learn(ids)
  }

  /** A record whose schema is learnt. */
  decode(topicId: string, record: SourceRecord): DecodedRecord<Event> {
    const { partition, offset } = record
    const at = { topicId, partition, offset, record }
    const unread = { version: null, eventId: null, decoded: undefined }
    const nowhere = { key: `@${this.#topic.name}:${partition}:${offset}`, keyless: true }

    const { reference } = record
    const unkept = reference && { fault: faultOf(reference.cause, reference.detail) }
    const key = this.#keyOf(record.key)
    if (typeof key !== 'string') return { ...at, ...nowhere, ...unread, fault: unkept?.fault ?? key }
    const read = unkept ?? this.#read(record.value)
    if ('fault' in read) return { ...at, key, keyless: false, ...unread, fault: read.fault }
    const { decoded } = read
    const described = this.#topic.describe(decoded.event).key
    if (described !== key) {
      const fault = faultOf('key-mismatch', `the key names ${key}, the event ${described}`)
      return { ...at, ...nowhere, ...unread, fault }
    }
    const { version, eventId } = decoded
    return { ...at, key, keyless: false, version, eventId, decoded, fault: undefined }
  }

  /** What these bytes say, for people: also what is over a limit, or bears another key. Undefined: it cannot be read. */
  show(value: Buffer | null): Event | undefined {
    try {
      const { schemaId, body } = unframe(value ?? Buffer.alloc(0))
      const reader = this.#schemas.find(schemaId)
      return typeof reader === 'function' ? reader(body) : undefined
    } catch {
      return undefined
    }
  }

  #keyOf(bytes: Buffer | null): string | Fault {
    if (!bytes) return faultOf('no-key', 'the record has no key')
    try {
      const key = this.#topic.key.decode(bytes)
      return key.includes('\0') ? faultOf('no-key', 'the key holds a NUL') : key
    } catch (error) {
      return faultOf('no-key', error)
    }
  }

  #read(value: Buffer | null): Read<Event> {
    if (!value) return { fault: faultOf('tombstone', 'the record has no value') }
    try {
      const { schemaId, body } = unframe(value)
      const reader = this.#schemas.find(schemaId)
      if (!reader) throw new SchemasMissing([schemaId])
      if (typeof reader !== 'function') return { fault: reader }
      const event = reader(body)
      const { eventId, version } = this.#topic.describe(event)
      if (!Number.isSafeInteger(version) || version < 1) throw new RangeError(`version ${version} is none`)
      if (eventId.includes('\0')) throw new RangeError('the event id holds a NUL')
      const over = this.#topic.overLimits(event)
      if (over) return { fault: faultOf('out-of-bounds', over) }
      return { decoded: { eventId, version, event } }
    } catch (error) {
      if (error instanceof SchemasMissing) throw error
      return { fault: faultOf('undecodable', error) }
    }
  }
}

/** Each once. */
function schemaIdsOf(values: readonly (Buffer | null)[]): number[] {
  const ids = new Set<number>()
  for (const value of values) {
    const id = value && schemaIdOf(value)
    if (typeof id === 'number') ids.add(id)
  }
  return [...ids]
}

function schemaIdOf(value: Buffer): number | undefined {
  try {
    return unframe(value).schemaId
  } catch {
    return undefined // no frame: `decode` says so of the record
  }
}
