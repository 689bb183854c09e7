// Orders as a customer's side has them: made, changed, looked at.

import { randomUUID } from 'node:crypto'
import type { Order } from '@inorder/contracts/order.ts'
import { queryOf } from '@inorder/contracts/paths.ts'
import { type Answer, NoAnswer, part } from '../ask.ts'
import { type Add, decimal, integer, type KeyOptions, keyAnd, keyOption, orderOf } from '../command.ts'
import type { Context } from '../context.ts'
import { Failure, Refused } from '../failure.ts'
import { age, count, pairs, shown, table, when } from '../text.ts'

interface WriteOptions extends KeyOptions {
  wait?: number
  strict?: boolean
  idempotencyKey?: string
}

export function addOrders(add: Add): void {
  add<KeyOptions>(
    'show [order]',
    "an order as the cart holds it, and each service's part",
    ['show o-1', 'show --json -- -x'],
    async (context, args, options) => {
      const parts = await partsOf(context, orderOf(args, options))
      if (context.json) context.answer(parts)
      else context.print(...partLines(parts, context.now()))
    },
  ).addOption(keyOption())

  const create = add<WriteOptions & { items?: number; body?: string }>(
    'create [order]',
    'make an order, a generated one or that of --body; without an id, one is made up',
    [
      'create o-1',
      'create --items=5',
      `create o-1 --body '{"customerId":"c-17","items":[{"itemId":"pen","quantity":2,"price":1.25}]}'`,
    ],
    async (context, args, options) => {
      const [given = `o-${randomUUID().slice(0, 8)}`] = keyAnd(args, options)
      const { items = 3, body } = options
      const fields =
        body === undefined ? { itemsNum: items } : objectOf(body === '-' ? await context.readStdin() : body)
      const order = { orderId: given, ...fields }
      await context.mayWrite(`create ${shown(String(order.orderId))}`, 'cart')
      const answer = await write(context, options, 'POST', '/create-order', order)
      told(context, answer, 'created')
    },
  )
  create.option('--items <n>', 'lines of a generated order (3)', integer(1, 100))
  create.option('--body <json>', 'the fields of a real order; -: from standard input')
  writeOptions(create)

  const update = add<WriteOptions & { ifVersion?: number }>(
    'update [order] [status]',
    'give an order another status',
    ['update o-1 confirmed', 'update o-1 cancelled --if-version=2', 'update -- -x confirmed'],
    async (context, args, options) => {
      const [orderId, status, more] = keyAnd(args, options)
      if (orderId === undefined || status === undefined || more !== undefined)
        throw new Failure('give the order and its new status: inorder update o-1 confirmed')
      await context.mayWrite(`update ${shown(orderId)}`, 'cart')
      const ifMatch = options.ifVersion === undefined ? undefined : `"${options.ifVersion}"`
      const answer = await write(context, options, 'PUT', '/update-order', { orderId, status }, ifMatch)
      told(context, answer, `is ${shown(status)}`)
    },
  )
  update.option('--if-version <n>', 'only if the order is at this version', integer(1, Number.MAX_SAFE_INTEGER))
  writeOptions(update)
}

function writeOptions(command: ReturnType<Add>): void {
  command
    .addOption(keyOption())
    .option('--wait <seconds>', "for Kafka's acknowledgement (2)", decimal(0, 30))
    .option('--strict', 'refuse, and store nothing, while Kafka is unavailable')
    .option('--idempotency-key <key>', 'the same key with the same request takes effect once (default: a new one)')
}

/** A write whose answer is lost can be repeated with its key. */
async function write(
  { ask }: Context,
  { wait, strict, idempotencyKey = randomUUID() }: WriteOptions,
  method: 'POST' | 'PUT',
  path: string,
  body: unknown,
  ifMatch?: string,
): Promise<Answer<Order>> {
  const prefer = [wait === undefined ? [] : `wait=${Math.ceil(wait)}`, strict ? 'handling=strict' : []]
    .flat()
    .join(', ')
  const headers = { 'idempotency-key': idempotencyKey, prefer: prefer || undefined, 'if-match': ifMatch }
  try {
    return await ask<Order>('cart', path, { method, body, headers, deadlineMs: 10_000 + (wait ?? 2) * 1_000 })
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    const again = `The same command with --idempotency-key=${idempotencyKey} takes effect once, whatever became of this one.`
    throw new Failure(error.message, { cause: error, advice: [error.advice[0] ?? '', again] })
  }
}

function told(context: Context, { status, headers, body }: Answer<Order>, done: string): void {
  const version = versionOf(headers)
  const delivery = headers.get('event-delivery')
  const sent = status === 202 ? 'stored; its event follows' : 'stored, and its event is in Kafka'
  if (context.json) context.answer({ order: body, version, delivery })
  else
    context.print(
      `${shown(body.orderId)} ${done}, version ${version}: ${sent}`,
      `  ${amountOf(body)}, ${count(body.items.length, 'line')}`,
    )
}

const versionOf = (headers: Headers): number | null => Number(headers.get('etag')?.replaceAll('"', '')) || null
const amountOf = ({ totalAmount, currency }: Order): string => `${totalAmount} ${shown(currency)}`

function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch {}
  throw new Failure('--body is no JSON object')
}

type Details = Order & { shippingCost: number }
interface Parts {
  order: Order
  version: number | null
  services: Record<string, { answer: Record<string, unknown> | null; version?: number | null; missing?: string }>
}

/** What the cart has decides whether there is such an order; the others may not have it yet, or not answer. */
async function partsOf({ ask }: Context, orderId: string): Promise<Parts> {
  const id = part(orderId)
  const of = async (where: 'order' | 'inventory' | 'billing' | 'shipping', path: string) => {
    try {
      const { body, headers } = await ask<Record<string, unknown>>(where, path)
      return [where, { answer: body, ...(where === 'order' && { version: versionOf(headers) }) }] as const
    } catch (error) {
      if (error instanceof Refused && error.status === 404)
        return [where, { answer: null, missing: 'not there yet' }] as const
      if (error instanceof Failure) return [where, { answer: null, missing: error.message }] as const
      throw error
    }
  }
  const [cart, ...others] = await Promise.all([
    ask<Order>('cart', `/orders/${id}`),
    of('order', `/order-details${queryOf({ orderId })}`),
    of('inventory', `/reservations/${id}`),
    of('billing', `/invoices/${id}`),
    of('shipping', `/shipments/${id}`),
  ])
  return { order: cart.body, version: versionOf(cart.headers), services: Object.fromEntries(others) }
}

function partLines({ order, version, services }: Parts, now: number): string[] {
  const told = (name: string, tell: (answer: Record<string, unknown>) => string): [string, string] => {
    const { answer = null, missing = '' } = services[name] ?? {}
    return [name, answer === null ? missing : tell(answer)]
  }
  const status = (answer: Record<string, unknown>, ...more: string[]) =>
    [
      String(answer.status),
      ...more.filter((name) => answer[name] != null).map((name) => `${name} ${answer[name]}`),
    ].join(', ')
  return [
    ...pairs([
      ['order', order.orderId],
      ['version', version],
      ['status', order.status],
      ['customer', order.customerId],
      ['ordered', when(order.orderDate, now)],
      ['total', amountOf(order)],
    ]),
    '',
    ...table(
      ['ITEM', 'QUANTITY', 'PRICE'],
      order.items.map(({ itemId, quantity, price }) => [itemId, quantity, price]),
    ),
    '',
    ...pairs([
      told('order', (answer) => {
        const { status, shippingCost } = answer as unknown as Details
        return `version ${services.order?.version}, ${status}, shipping cost ${shippingCost}`
      }),
      told('inventory', (answer) => status(answer)),
      told('billing', (answer) => `${status(answer, 'amount')}${sinceOf(answer, now)}`),
      told('shipping', (answer) => status(answer, 'reason', 'tracking', 'label')),
    ]),
  ]
}

const sinceOf = ({ statusSince }: Record<string, unknown>, now: number): string =>
  typeof statusSince === 'string' ? `, for ${age(now - Date.parse(statusSince))}` : ''
