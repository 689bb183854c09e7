// A request to create an order, and the order it asks for. What it leaves out has a default or is made up.
import { canonicalTime } from '@inorder/contracts/formats.ts'
import { maxTotal, totalOf } from '@inorder/contracts/money.ts'
import { Order } from '@inorder/contracts/order.ts'
import type { FieldError } from '@inorder/contracts/problems.ts'
import { type Static, Type } from 'typebox'

const field = Order.properties

export const NewOrder = Type.Object(
  {
    orderId: field.orderId,
    itemsNum: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: 'make up this many items' })),
    customerId: Type.Optional(field.customerId),
    items: Type.Optional(field.items),
    currency: Type.Optional(field.currency),
    orderDate: Type.Optional(field.orderDate),
    totalAmount: Type.Optional(field.totalAmount),
    status: Type.Optional(field.status),
  },
  {
    additionalProperties: false,
    if: { required: ['items'] },
    // biome-ignore lint/suspicious/noThenProperty: it is JSON Schema's
    then: { properties: { itemsNum: false }, required: ['customerId'] },
    else: { required: ['itemsNum'] },
  },
)
export type NewOrder = Static<typeof NewOrder>

/** What of a request its total is made of: looked at also where other fields are bad. */
export const Priced = Type.Object({ items: field.items, totalAmount: Type.Optional(field.totalAmount) })

/** What is wrong with the total of these items, and with the one that was given. */
export const wrongTotal = ({ items, totalAmount }: Static<typeof Priced>): FieldError[] =>
  totalErrors(totalOf(items), totalAmount)

/** The order, or every field that is wrong with it. `random` gives numbers in [0, 1). */
export function newOrder(request: NewOrder, now: Date, random: () => number): Order | FieldError[] {
  const { orderId, itemsNum, currency = 'USD', status = 'new', orderDate } = request
  const items = request.items ?? madeUpItems(itemsNum ?? 0, random)
  const totalAmount = totalOf(items)
  const errors = totalErrors(totalAmount, request.totalAmount)
  if (errors.length > 0) return errors
  const customerId = request.customerId ?? `customer-${upTo(10_000, random)}`
  const date = orderDate === undefined ? now.toISOString() : canonicalTime(orderDate)
  return { orderId, customerId, orderDate: date, items, totalAmount, currency, status }
}

function totalErrors(total: number, given: number | undefined): FieldError[] {
  if (total > maxTotal) {
    return [
      { field: 'items', message: `their total is more than ${maxTotal}` },
      { field: 'totalAmount', message: `must be <= ${maxTotal}, and the sum of price x quantity is more` },
    ]
  }
  if (given === undefined || given === total) return []
  return [{ field: 'totalAmount', message: `is not the sum of price x quantity, which is ${total}` }]
}

const upTo = (n: number, random: () => number) => 1 + Math.floor(random() * n)

function madeUpItems(count: number, random: () => number): Order['items'] {
  const first = upTo(1_000, random)
  return Array.from({ length: count }, (_, i) => ({
    itemId: `item-${first + i}`,
    quantity: upTo(10, random),
    // Whole cents over 100 is the double nearest to that price.
    price: upTo(50_000, random) / 100,
  }))
}
