// Confluent's wire format: a zero byte, the registry's id of the writer's schema (4 bytes, big endian), the body.
const headerLength = 5

export function frame(schemaId: number, body: Buffer): Buffer {
  const value = Buffer.allocUnsafe(headerLength + body.length)
  value[0] = 0
  value.writeUInt32BE(schemaId, 1)
  body.copy(value, headerLength)
  return value
}

/** The body is a view of `value`. Throws when `value` has no such frame. */
export function unframe(value: Buffer): { schemaId: number; body: Buffer } {
  if (value.length < headerLength) throw new RangeError(`${value.length} bytes are too few for the wire format`)
  if (value[0] !== 0) throw new RangeError(`the wire format begins with a zero byte, not ${value[0]}`)
  return { schemaId: value.readUInt32BE(1), body: value.subarray(headerLength) }
}
