// The event as Avro. Money and times go by their logical types (avro-types.ts). What an order does not have is null in Avro,
// and absent here.
import { readFileSync } from 'node:fs'
import { avroCodec } from '@inorder/messaging/kafka/avro-codec.ts'
import type { ValueCodec } from '@inorder/messaging/kafka/topic.ts'
import { logicalTypes } from './avro-types.ts'
import { OrderEvent } from './order-event.ts'
import { walkOf } from './schema-walk.ts'

const file = new URL('./order-event.v1.avsc', import.meta.url)
/** Without the file's layout, which must not make another schema of it. */
const schema = JSON.stringify(JSON.parse(readFileSync(file, 'utf8')))
const codec = avroCodec<OrderEvent>(schema, logicalTypes)

/** `encode` throws for what has no Avro (a time or an amount that is none), a reader for a body that is no such event. */
export const orderEventAvro: ValueCodec<OrderEvent> = {
  ...codec,
  decoder(writerSchema) {
    const read = codec.decoder(writerSchema)
    return (body) => {
      const event = read(body)
      dropNulls?.(event)
      assertPossible(event)
      return event
    }
  },
}

const dropNulls = walkOf(OrderEvent, ({ properties = {}, required = [] }) => {
  const optional = Object.keys(properties).filter((field) => !required.includes(field))
  if (optional.length === 0) return undefined
  return (holder, name) => {
    for (const field of optional) {
      if (holder[name]?.[field] !== null) continue
      // Not `delete`: an object that lost a property is slow from then on.
      const { [field]: _, ...others } = holder[name]
      holder[name] = others
    }
  }
})

function assertPossible({ version, orderId, order }: OrderEvent): void {
  if (version < 1) throw new RangeError(`version ${version}`)
  if (orderId !== order.orderId) throw new RangeError(`the event of ${orderId} holds the order ${order.orderId}`)
  for (const { itemId, quantity } of order.items)
    if (quantity < 1) throw new RangeError(`quantity ${quantity} of ${itemId}`)
}
