// The order of the assignment. Every limit of it stands here, once: validation, types and OpenAPI all follow from it.
import { type Static, Type } from 'typebox'
import { maxPrice, maxTotal } from './money.ts'

/** Strings of the order: no control characters, no lone surrogates (`format` is checked by formats.ts). Lengths count code points. */
export const text = (maxLength: number, description: string) =>
  Type.String({ minLength: 1, maxLength, format: 'text', description })
export const longestId = 128
const id = (description: string, example: string) =>
  Type.String({ minLength: 1, maxLength: longestId, format: 'id', description, examples: [example] })
const money = (maximum: number, description: string) =>
  Type.Number({ minimum: 0, maximum, format: 'money', description })
export const time = (description: string) => Type.String({ format: 'utc-time', description })
const closed = { additionalProperties: false }

export const OrderId = id('The order, chosen by the client', 'o-1')

export const Item = Type.Object(
  {
    itemId: id('The article', 'i-1'),
    quantity: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    price: money(maxPrice, 'Price of one, at most 4 decimals'),
  },
  closed,
)
export type Item = Static<typeof Item>

export const Order = Type.Object(
  {
    orderId: OrderId,
    customerId: id('Who orders', 'c-17'),
    orderDate: time('UTC, such as 2026-11-23T14:20:19.000Z'),
    items: Type.Array(Item, { minItems: 1, maxItems: 1000 }),
    totalAmount: money(maxTotal, 'The sum of price x quantity, exactly'),
    currency: Type.String({ format: 'currency', description: 'ISO 4217 code' }),
    status: text(64, 'Where the order stands'),
  },
  { title: 'Order', ...closed },
)
export type Order = Static<typeof Order>
