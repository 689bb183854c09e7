/** A topic is one value: its name, its key codec and its value codec. Everything that produces or consumes takes it. */
export interface Topic<Event> {
  readonly name: string
  /** Copies of the records a consumer could not apply. */
  readonly parkedName: string
  /** Partitions it is made with where it does not exist yet. */
  readonly partitions: number
  /** Registry subject of the value. */
  readonly subject: string
  readonly key: KeyCodec<Event>
  readonly value: ValueCodec<Event>
  /** What the runtime needs to know of an event; the version comes from the body, never from a header. */
  describe(event: Event): { eventId: string; key: string; version: number }
  /** When it happened (ms since 1970), where it says so: for the metric of how long an event takes. Nothing decides by it. */
  occurredAt?(event: Event): number
  /** Which limit of our storage an event is over, for a person: no consumer applies it then. Undefined: none. */
  overLimits(event: Event): string | undefined
  /** Kafka headers of an event, for people and routers; nothing decides by them. */
  headers(event: Event): Record<string, string>
  /** That of `headers` which holds the version: what people are shown of a row whose body is not read. */
  readonly versionHeader: string
}

export interface KeyCodec<Event> {
  encode(event: Event): Buffer
  /** A record's key as text. Throws when it is unusable (not UTF-8, empty, over 128 code points, control characters). */
  decode(key: Buffer): string
}

export interface ValueCodec<Event> {
  /** The Avro schema that `encode` writes with, as the text that is registered. */
  readonly schema: string
  /** Stable id of that text, kept beside each encoded body: a body is only ever read with the schema it names. */
  readonly fingerprint: string
  /** The Avro body alone, without the wire format's frame. */
  encode(event: Event): Buffer
  /** Reader of bodies written with `writerSchema` (a schema's text). Throws when the two schemas cannot be resolved. */
  decoder(writerSchema: string): (body: Buffer) => Event
}
