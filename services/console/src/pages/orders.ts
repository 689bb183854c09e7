import type { Order } from '@inorder/contracts/order.ts'
import { pathOf, queryOf } from '@inorder/contracts/paths.ts'
import type { Answer } from '../services.ts'
import type { List } from '../viewer.ts'
import { type Html, html } from './html.ts'
import { badge, nothing, pager, refusal, table } from './parts.ts'
import { when } from './time.ts'

export interface OrdersQuery {
  status: string
  customerId: string
  after: string
}

export const ordersPath = ({ status, customerId, after }: OrdersQuery): string =>
  `/orders${queryOf({ status, customerId, after, limit: 50 })}`

/** `answer` is what the order service says to `ordersPath`. */
export function orders(query: OrdersQuery, answer: Answer, now: number): Html {
  const { status, customerId, after } = query
  return html`
<form class="filters" action="/orders">
<label>Order id <input name="orderId" autocomplete="off" spellcheck="false"></label>
<label>Customer <input name="customerId" value="${customerId}" autocomplete="off" spellcheck="false"></label>
<label>Status <input name="status" value="${status}" autocomplete="off" spellcheck="false"></label>
<button>Show</button>
</form>
${answer.reachable && answer.status === 200 ? found(answer.body as List<Order>) : refusal(answer, 'order')}`

  function found({ items, next }: List<Order>): Html {
    const isFirst = after === ''
    if (items.length === 0 && next === null)
      return nothing(isFirst && status + customerId === '' ? 'There are no orders yet.' : 'No order is like this.')
    return html`${table(
      'Orders as the order service received them, by id',
      ['order', 'customer', 'status', 'total', 'ordered'],
      items.map(({ orderId, customerId, status, totalAmount, currency, orderDate }) => [
        html`<a href="${pathOf('orders', orderId)}">${orderId}</a>`,
        html`<a href="/orders${queryOf({ customerId })}">${customerId}</a>`,
        badge('plain', status),
        html`<span class="number">${totalAmount} ${currency}</span>`,
        when(orderDate, now),
      ]),
    )}${pager('/orders', queryOf({ status, customerId }), next, isFirst)}`
  }
}
