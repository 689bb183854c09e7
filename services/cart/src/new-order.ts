// A request to create an order, and the order it asks for. What it leaves out has a default or is made up.
import { canonicalTime } from '@inorder/contracts/formats.ts'
import { maxTotal, totalOf } from '@inorder/contracts/money.ts'
import { Order } from '@inorder/contracts/order.ts'
import type { FieldError } from '@inorder/contracts/problems.ts'
import { walkOf } from '@inorder/contracts/schema-walk.ts'
import { type Static, Type } from 'typebox'

const { orderId, ...others } = Order.properties
/** Each of the two bodies names the fields it may have, as tools for OpenAPI want it. */
const known = Object.fromEntries(['itemsNum', ...Object.keys(Order.properties)].map((field) => [field, true]))

export const NewOrder = Type.Object(
  {
    orderId,
    itemsNum: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: 'make up this many items' })),
    ...Type.Partial(Type.Object(others)).properties,
  },
  {
    title: 'NewOrder',
    examples: [
      { orderId: 'o-1', itemsNum: 3 },
      {
        orderId: 'o-2',
        customerId: 'c-17',
        items: [
          { itemId: 'i-1', quantity: 2, price: 12.5 },
          { itemId: 'i-2', quantity: 1, price: 5 },
        ],
      },
    ],
    additionalProperties: false,
    if: { properties: known, required: ['items'] },
    // biome-ignore lint/suspicious/noThenProperty: it is JSON Schema's
    then: { properties: { ...known, itemsNum: false }, required: ['customerId'] },
    else: { properties: known, required: ['itemsNum'] },
  },
)
export type NewOrder = Static<typeof NewOrder>

/** What of a request its total is made of: looked at also where other fields are bad. */
export const Priced = Type.Object({ items: others.items, totalAmount: Type.Optional(others.totalAmount) })

/** What is wrong with the total of these items, and with the one that was given. */
export const wrongTotal = ({ items, totalAmount }: Static<typeof Priced>): FieldError[] =>
  totalErrors(totalOf(items), totalAmount)

/** The order, or every field that is wrong with it. `random` gives numbers in [0, 1). */
export function newOrder(request: NewOrder, now: Date, random: () => number): Order | FieldError[] {
  const { orderId, customerId, orderDate, itemsNum, totalAmount: given, currency, status, ...others } = request
  const items = request.items ?? madeUpItems(itemsNum ?? 0, random)
  const totalAmount = totalOf(items)
  const errors = totalErrors(totalAmount, given)
  if (errors.length > 0) return errors
  const order: Order = {
    orderId,
    customerId: customerId ?? `customer-${upTo(10_000, random)}`,
    orderDate: orderDate ?? now.toISOString(),
    ...others,
    items,
    totalAmount,
    currency: currency ?? 'USD',
    status: status ?? 'new',
  }
  canonicalTimes?.(order)
  return order
}

const canonicalTimes = walkOf(Order, ({ format }) => {
  if (format !== 'utc-time') return undefined
  return (holder, name) => {
    if (holder[name] !== undefined) holder[name] = canonicalTime(holder[name])
  }
})

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
