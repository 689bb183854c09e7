import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Order } from '@inorder/contracts/order.ts'
import { Problem } from '@inorder/contracts/problems.ts'
import { answersOf } from '@inorder/http/answers.ts'
import { closed, inChapter, limit, pageOf, textOrNull } from '@inorder/http/schemas.ts'
import type { Pool } from 'pg'
import { Type } from 'typebox'
import { find, ledgerOf, type StoredInvoice } from './store.ts'

const { orderId, customerId, totalAmount: amount, currency } = Order.properties
const ofOrder = closed({ orderId })
const LedgerQuery = closed({
  orderId,
  limit,
  after: Type.Optional(
    Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'The next of the page before' }),
  ),
})
const time = (description: string) => Type.String({ format: 'date-time', description })

const InvoiceAnswer = Type.Object(
  {
    orderId,
    customerId,
    status: Type.Enum(['draft', 'charged', 'declined', 'voided', 'refunded']),
    amount: Type.Number({ ...amount, description: "The order's totalAmount" }),
    currency,
    payment: textOrNull("The gateway's number of the charge"),
    draftedAt: time('When the first event was handled'),
    statusSince: time('When it came to its status'),
  },
  { title: 'Invoice' },
)

const Ledger = pageOf(
  Type.Object(
    {
      orderId,
      posting: Type.Enum(['charge', 'refund'], { description: 'Two entries each' }),
      account: Type.String({ description: 'cash or revenue' }),
      debit: Type.Number(),
      credit: Type.Number(),
      currency,
      reference: Type.String({ description: "The gateway's number of the charge or refund" }),
      postedAt: time('When the answer of the gateway was stored'),
    },
    { title: 'LedgerEntry' },
  ),
)

const problems = answersOf('order-not-found', 'database-away')

export const billingRoutes =
  (pool: Pool): FastifyPluginAsyncTypebox =>
  async (app) => {
    inChapter(app, 'invoices')
    const known = async (orderId: string): Promise<StoredInvoice> => {
      const invoice = await find(pool, orderId)
      if (!invoice) throw new Problem('order-not-found', `No event of the order ${orderId} has been handled.`)
      return invoice
    }

    app.get(
      '/invoices/:orderId',
      {
        schema: {
          operationId: 'getInvoice',
          summary: "An order's invoice",
          params: ofOrder,
          response: { 200: InvoiceAnswer, ...problems },
        },
      },
      ({ params }) => known(params.orderId),
    )

    app.get(
      '/ledger',
      {
        schema: {
          operationId: 'listLedger',
          summary: 'What was posted of an order, debits and credits',
          querystring: LedgerQuery,
          response: { 200: Ledger, ...problems },
        },
      },
      async ({ query: { orderId, limit, after = 0 } }) => {
        await known(orderId)
        const entries = await ledgerOf(pool, orderId)
        const end = after + limit
        return { items: entries.slice(after, end), next: entries.length > end ? String(end) : null }
      },
    )
  }
