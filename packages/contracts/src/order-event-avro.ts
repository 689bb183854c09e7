// The event as Avro. avsc reads and writes the plain Avro values; what they mean (money, times) is put on and taken off
// here: as logical types of avsc's, the events would be instances of its generated classes, and slower.
import { readFileSync } from 'node:fs'
import { assertDecimalsUnchanged } from '@inorder/messaging/kafka/decimal-guard.ts'
import avsc from 'avsc'
import { moneyFromBytes, moneyToBytes } from './avro-money.ts'
import { shapeOf } from './avro-shape.ts'
import type { OrderEvent } from './order-event.ts'

interface AvroEvent {
  eventId: string
  type: string
  orderId: string
  version: number
  occurredAt: number
  order: {
    orderId: string
    customerId: string
    orderDate: number
    items: { itemId: string; quantity: number; price: Buffer }[]
    totalAmount: Buffer
    currency: string
    status: string
  }
  previousStatus: string | null
}

const file = new URL('./order-event.v1.avsc', import.meta.url)
/** Without the file's layout, which must not make another schema of it. */
export const schema = JSON.stringify(JSON.parse(readFileSync(file, 'utf8')))
const type = avsc.Type.forSchema(JSON.parse(schema))

/** Throws for what has no Avro: a time or an amount that is none. */
export const encode = (event: OrderEvent): Buffer => type.toBuffer(toAvro(event))

/** Reader of bodies written with `writerSchema`; it throws for a body that is not, to its last byte, such an event. */
export function decoder(writerSchema: string): (body: Buffer) => OrderEvent {
  assertDecimalsUnchanged([writerSchema], schema)
  const assertShape = shapeOf(writerSchema)
  const writer = avsc.Type.forSchema(JSON.parse(writerSchema))
  // Resolving costs a tenth; a registry may give our own text back with its attributes in another order.
  const resolver = writer.equals(type) ? undefined : type.createResolver(writer)
  return (body) => {
    assertShape(body)
    return fromAvro(type.fromBuffer(body, resolver))
  }
}

function toAvro({ eventId, type, orderId, version, occurredAt, order, previousStatus }: OrderEvent): AvroEvent {
  return {
    eventId,
    type,
    orderId,
    version,
    occurredAt: Date.parse(occurredAt),
    order: {
      orderId: order.orderId,
      customerId: order.customerId,
      orderDate: Date.parse(order.orderDate),
      items: order.items.map(({ itemId, quantity, price }) => ({ itemId, quantity, price: moneyToBytes(price) })),
      totalAmount: moneyToBytes(order.totalAmount),
      currency: order.currency,
      status: order.status,
    },
    previousStatus,
  }
}

function fromAvro({ eventId, type, orderId, version, occurredAt, order, previousStatus }: AvroEvent): OrderEvent {
  if (version < 1) throw new RangeError(`version ${version}`)
  if (orderId !== order.orderId) throw new RangeError(`the event of ${orderId} holds the order ${order.orderId}`)
  return {
    eventId,
    type,
    orderId,
    version,
    occurredAt: timeOf(occurredAt),
    order: {
      orderId,
      customerId: order.customerId,
      orderDate: timeOf(order.orderDate),
      items: order.items.map(({ itemId, quantity, price }) => {
        if (quantity < 1) throw new RangeError(`quantity ${quantity} of ${itemId}`)
        return { itemId, quantity, price: moneyFromBytes(price) }
      }),
      totalAmount: moneyFromBytes(order.totalAmount),
      currency: order.currency,
      status: order.status,
    },
    previousStatus,
  }
}

const firstMilli = Date.parse('0001-01-01T00:00:00.000Z')
const lastMilli = Date.parse('9999-12-31T23:59:59.999Z')

let lastSecond = Number.NaN
let lastText = ''

/** Events of a batch are of few seconds, and Date's own text costs a microsecond. */
function timeOf(millis: number): string {
  if (!(millis >= firstMilli && millis <= lastMilli)) throw new RangeError(`no time in the years 1 to 9999: ${millis}`)
  const second = Math.floor(millis / 1000)
  if (second !== lastSecond) {
    lastText = new Date(second * 1000).toISOString().slice(0, -4)
    lastSecond = second
  }
  return `${lastText}${String(millis - second * 1000).padStart(3, '0')}Z`
}
