// Whether bytes can be a body of a schema at all: lengths, counts and union branches that fit, valid UTF-8, nothing left
// over. avsc believes what a body says: a count of a thousand million in 12 bytes of garbage makes it allocate as many
// items, and invalid UTF-8 becomes U+FFFD without a word. One garbage record must cost no more than itself.
import { isUtf8 } from 'node:buffer'
import avsc from 'avsc'

type Walk = (cursor: Cursor) => void

class Cursor {
  readonly body: Buffer
  at = 0
  #entries = 0

  constructor(body: Buffer) {
    this.body = body
  }

  skip(length: number): void {
    if (length < 0 || length > this.body.length - this.at) throw new RangeError(`truncated, or no length: ${length}`)
    this.at += length
  }

  /** Inexact beyond 2^53, where nothing fits any more. */
  long(): number {
    let value = 0
    let weight = 1
    for (let length = 1; length <= 10; length++) {
      const byte = this.body[this.at++]
      if (byte === undefined) throw new RangeError('truncated')
      value += (byte & 0x7f) * weight
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
      weight *= 0x80
    }
    throw new RangeError('a number of more than 10 bytes')
  }

  text(): void {
    const length = this.long()
    const from = this.at
    this.skip(length)
    for (let at = from; at < this.at; at++) {
      if ((this.body[at] ?? 0) < 0x80) continue
      if (isUtf8(this.body.subarray(at, this.at))) return
      throw new RangeError(`invalid UTF-8 in the text at byte ${from}`)
    }
  }

  /**
   * Blocks of an array or a map: no more entries than bytes are left; and of all blocks together no more than the body has
   * bytes, since an entry may have none (a null, a record without fields), and 1 MiB holds 300,000 blocks.
   */
  blocks(entry: Walk): void {
    for (let count = this.long(); count !== 0; count = this.long()) {
      if (count < 0) {
        this.long()
        count = -count
      }
      if (count > this.body.length - this.at)
        throw new RangeError(`${count} entries in ${this.body.length - this.at} bytes`)
      this.#entries += count
      if (this.#entries > this.body.length)
        throw new RangeError(`${this.#entries} entries in ${this.body.length} bytes`)
      while (count-- > 0) entry(this)
    }
  }
}

const long: Walk = (cursor) => void cursor.long()
const text: Walk = (cursor) => cursor.text()
const fixed =
  (length: number): Walk =>
  (cursor) =>
    cursor.skip(length)

const primitives: Record<string, Walk> = {
  null: () => {},
  boolean: fixed(1),
  int: long,
  long,
  float: fixed(4),
  double: fixed(8),
  bytes: (cursor) => cursor.skip(cursor.long()),
  string: text,
}

/** Throws for bodies that are none of `schema`, a schema's text. */
export function shapeOf(schema: string): (body: Buffer) => void {
  const walk = walkOf(avsc.Type.forSchema(JSON.parse(schema)), new Map())
  return (body) => {
    const cursor = new Cursor(body)
    walk(cursor)
    if (cursor.at !== body.length) throw new RangeError(`${body.length - cursor.at} bytes are left over`)
  }
}

function walkOf(type: avsc.Type, known: Map<avsc.Type, Walk>): Walk {
  const primitive = primitives[type.typeName]
  if (primitive) return primitive
  const seen = known.get(type)
  if (seen) return seen
  // A record may hold itself: its walk is known before its fields'.
  let walk: Walk = () => {}
  known.set(type, (cursor) => walk(cursor))
  if (type instanceof avsc.types.RecordType) {
    const fields = type.fields.map((field) => walkOf(field.type, known))
    walk = (cursor) => {
      for (const field of fields) field(cursor)
    }
  } else if (type instanceof avsc.types.ArrayType) {
    const item = walkOf(type.itemsType, known)
    walk = (cursor) => cursor.blocks(item)
  } else if (type instanceof avsc.types.MapType) {
    const value = walkOf(type.valuesType, known)
    walk = (cursor) =>
      cursor.blocks(() => {
        cursor.text()
        value(cursor)
      })
  } else if (type instanceof avsc.types.FixedType) {
    walk = fixed(type.size)
  } else if (type instanceof avsc.types.EnumType) {
    walk = oneOf(type.symbols.map(() => () => {}))
  } else if (type instanceof avsc.types.UnwrappedUnionType || type instanceof avsc.types.WrappedUnionType) {
    walk = oneOf(type.types.map((branch) => walkOf(branch, known)))
  } else throw new TypeError(`a schema with ${type.typeName}`)
  return walk
}

const oneOf =
  (branches: Walk[]): Walk =>
  (cursor) => {
    const index = cursor.long()
    const branch = branches[index]
    if (!branch) throw new RangeError(`branch ${index} of ${branches.length}`)
    branch(cursor)
  }
