import { createHash } from 'node:crypto'
import avsc from 'avsc'
import { shapeOf } from './avro-shape.ts'
import { assertDecimalsUnchanged } from './decimal-guard.ts'
import type { ValueCodec } from './topic.ts'

/** Events as Avro: plain objects of what a schema (its text) has, its logical types converted by avsc's classes of `logicalTypes`. */
export function avroCodec<Event>(
  schema: string,
  logicalTypes: NonNullable<Parameters<typeof avsc.Type.forSchema>[1]>['logicalTypes'] = {},
): ValueCodec<Event> {
  const type = avsc.Type.forSchema(JSON.parse(schema), {
    logicalTypes,
    assertLogicalTypes: true,
    omitRecordMethods: true,
  })
  makePlain(type)
  return {
    schema,
    fingerprint: createHash('sha256').update(schema).digest('hex'),
    encode: (event) => type.toBuffer(event),
    /** It throws for a body that is not, to its last byte, such an event. */
    decoder(writerSchema) {
      assertDecimalsUnchanged([writerSchema], schema)
      const assertShape = shapeOf(writerSchema)
      const writer = avsc.Type.forSchema(JSON.parse(writerSchema))
      // Resolving costs a tenth; a registry may give our own text back with its attributes in another order.
      const resolver = writer.equals(type) ? undefined : type.createResolver(writer)
      return (body) => {
        assertShape(body)
        return type.fromBuffer(body, resolver)
      }
    },
  }
}

/** avsc makes an instance of a class of its own for each record: with this prototype it is a plain object. */
function makePlain(type: avsc.Type, seen = new Set<avsc.Type>()): void {
  if (seen.has(type)) return
  seen.add(type)
  if (type instanceof avsc.types.ArrayType) makePlain(type.itemsType, seen)
  if (type instanceof avsc.types.MapType) makePlain(type.valuesType, seen)
  if (type instanceof avsc.types.UnwrappedUnionType) for (const branch of type.types) makePlain(branch, seen)
  if (!(type instanceof avsc.types.RecordType)) return
  type.recordConstructor.prototype = Object.prototype
  for (const field of type.fields) makePlain(field.type, seen)
}
