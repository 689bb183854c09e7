// The schemas of what this service takes and answers; validation, types and OpenAPI follow from them.
import { Item, OrderId } from '@inorder/contracts/order.ts'
import { closed } from '@inorder/http/schemas.ts'
import { Type } from 'typebox'
import type { ReservationStatus } from './allocation.ts'
import type * as store from './store.ts'

const { itemId } = Item.properties
/** What a count may be: with it every sum of stock stays a number that JSON carries exactly. */
const mostOnHand = 1_000_000_000_000

export const ItemParams = closed({ itemId })
export const OrderParams = closed({ orderId: OrderId })
export const OnHand = closed(
  {
    onHand: Type.Integer({ minimum: 0, maximum: mostOnHand, description: 'How many there are, as counted' }),
  },
  { title: 'OnHand', examples: [{ onHand: 10 }] },
)

export const Stock = Type.Object(
  {
    itemId,
    onHand: Type.Integer(),
    reserved: Type.Integer({ description: 'Of these, promised to orders' }),
    available: Type.Integer({ description: 'onHand - reserved' }),
  },
  { title: 'Stock' },
)
export const stock = (found: store.Stock) => ({ ...found, available: found.onHand - found.reserved })

export const Reservation = Type.Object(
  {
    orderId: OrderId,
    status: Type.Unsafe<ReservationStatus>({
      type: 'string',
      enum: ['reserved', 'backordered', 'shipped', 'released'],
    }),
    lines: Type.Array(
      Type.Object({
        itemId,
        quantity: Type.Integer({ description: 'All that the order wants of the item' }),
        short: Type.Integer({ description: 'What was not there when the order was shipped, else 0' }),
      }),
    ),
  },
  { title: 'Reservation' },
)
export function reservation(orderId: string, { status, lines, short }: store.Reservation) {
  const missing = new Map(short.map(({ itemId, quantity }) => [itemId, quantity]))
  return { orderId, status, lines: lines.map((line) => ({ ...line, short: missing.get(line.itemId) ?? 0 })) }
}
