// The event as Avro. Money and times go by their logical types (avro-types.ts). What an order does not have is null in Avro,
// and absent here.
import { readFileSync } from 'node:fs'
import { assertDecimalsUnchanged } from '@inorder/messaging/kafka/decimal-guard.ts'
import avsc from 'avsc'
import { shapeOf } from './avro-shape.ts'
import { logicalTypes } from './avro-types.ts'
import { OrderEvent } from './order-event.ts'
import { walkOf } from './schema-walk.ts'

const file = new URL('./order-event.v1.avsc', import.meta.url)
/** Without the file's layout, which must not make another schema of it. */
export const schema = JSON.stringify(JSON.parse(readFileSync(file, 'utf8')))
const type = avsc.Type.forSchema(JSON.parse(schema), {
  logicalTypes,
  assertLogicalTypes: true,
  omitRecordMethods: true,
})
makePlain(type)

/** Throws for what has no Avro: a time or an amount that is none. */
export const encode = (event: OrderEvent): Buffer => type.toBuffer(event)

/** Reader of bodies written with `writerSchema`; it throws for a body that is not, to its last byte, such an event. */
export function decoder(writerSchema: string): (body: Buffer) => OrderEvent {
  assertDecimalsUnchanged([writerSchema], schema)
  const assertShape = shapeOf(writerSchema)
  const writer = avsc.Type.forSchema(JSON.parse(writerSchema))
  // Resolving costs a tenth; a registry may give our own text back with its attributes in another order.
  const resolver = writer.equals(type) ? undefined : type.createResolver(writer)
  return (body) => {
    assertShape(body)
    const event: OrderEvent = type.fromBuffer(body, resolver)
    dropNulls?.(event)
    assertPossible(event)
    return event
  }
}

/** avsc makes an instance of a class of its own for each record: with this prototype it is a plain object, as all are here. */
function makePlain(type: avsc.Type): void {
  if (type instanceof avsc.types.ArrayType) makePlain(type.itemsType)
  if (!(type instanceof avsc.types.RecordType)) return
  type.recordConstructor.prototype = Object.prototype
  for (const field of type.fields) makePlain(field.type)
}

const dropNulls = walkOf(OrderEvent, (_, required) => {
  if (required) return undefined
  return (holder, name) => {
    if (holder[name] === null) delete holder[name]
  }
})

function assertPossible({ version, orderId, order }: OrderEvent): void {
  if (version < 1) throw new RangeError(`version ${version}`)
  if (orderId !== order.orderId) throw new RangeError(`the event of ${orderId} holds the order ${order.orderId}`)
  for (const { itemId, quantity } of order.items)
    if (quantity < 1) throw new RangeError(`quantity ${quantity} of ${itemId}`)
}
