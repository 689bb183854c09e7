// What a request may cost: a multiple of what the largest order costs, whatever is in it.
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Order } from '@inorder/contracts/order.ts'
import { Type } from 'typebox'
import { parseJson } from './json-body.ts'
import { parseQuery } from './query.ts'
import { validatorCompiler } from './validation.ts'

/** Where it was quadratic, or looked for every error, it was 100 and more. */
const times = 50
const size = 255 * 1024
const most = (piece: string, bytes = size) => piece.repeat(Math.floor(bytes / piece.length))
const keys = (count: number) => Array.from({ length: count }, (_, n) => `"k${n}":1`).join()

const itemId = 'i'.repeat(128)
const items = Array.from({ length: 1000 }, () => ({ itemId, quantity: 999_999, price: 12_345_678.1234 }))
const largest = JSON.stringify({ orderId: 'o-1', items })

const validateBody = validatorCompiler({ schema: Order, httpPart: 'body' })
const ListQuery = Type.Object({ a: Type.Optional(Type.String()) }, { additionalProperties: false })
const validateQuery = validatorCompiler({ schema: ListQuery, httpPart: 'querystring' })

function takeBody(text: string): void {
  const body = Buffer.from(text)
  let value: unknown
  try {
    value = parseJson(body)
  } catch {
    return
  }
  const { error } = validateBody(value)
  assert.ok((error?.errors?.length ?? 0) <= 100)
}

function takeQuery(text: string): void {
  const { error } = validateQuery(parseQuery(text))
  assert.ok((error?.errors?.length ?? 0) <= 100)
}

/** The thread's time, in µs, at its best of five: other processes do not count. */
function costOf(work: () => void): number {
  const once = () => {
    const before = process.threadCpuUsage()
    work()
    const { user, system } = process.threadCpuUsage(before)
    return user + system
  }
  // A busy machine's clock may stand still for the whole of one: that is no cost.
  const costs = Array.from({ length: 5 }, once).filter((cost) => cost > 0)
  return costs.length > 0 ? Math.min(...costs) : 0
}

suite('no request costs more than 50 times what the largest order costs', () => {
  const bodies: Record<string, string> = {
    'an array of 87,000 objects': `{"items":[${most('{},')}0]}`,
    'an array of 130,000 numbers, one of them long': `{"items":[${most('1,')}1234567890123456]}`,
    'an array of long numbers': `{"items":[${most('1.2345678901234567,')}1]}`,
    'an array of numbers with exponents': `{"items":[${most('1e-300,')}1]}`,
    'one number of 255 kB': `{"totalAmount":${most('9')}}`,
    'one number of 255 kB behind the point': `{"totalAmount":1.${most('0')}1}`,
    '25,000 unknown fields': `{${keys(25_000)}}`,
    '25,000 unknown fields in 1,000 items': `{"items":[${`{${keys(25)}},`.repeat(999)}{}]}`,
    '1,000 items with three bad fields each': `{"items":[${'{"itemId":"","quantity":0,"price":-1},'.repeat(999)}{}]}`,
    'a text of quotes': `{"status":"${most('\\"')}"}`,
    'a text of backslashes': `{"status":"${most('\\\\')}"}`,
    '65,000 nested arrays': `{"items":${'['.repeat(65_000)}1234567890123456${']'.repeat(65_000)}}`,
    '65,000 arrays beside each other': `{"items":[${most('[1],')}1]}`,
  }
  const ofLargest = costOf(() => takeBody(largest))
  for (const [what, body] of Object.entries(bodies)) {
    test(what, () => {
      const cost = costOf(() => takeBody(body))
      assert.ok(cost < times * ofLargest, `${cost} µs, the largest order ${ofLargest} µs`)
    })
  }

  const queries: Record<string, string> = {
    'a query that repeats one name 7,500 times': most('a&', 15_000),
    'a query that repeats one value 3,750 times': most('a=1&', 15_000),
    'a query of 2,000 names': Array.from({ length: 2_000 }, (_, n) => `k${n}=1`).join('&'),
  }
  for (const [what, query] of Object.entries(queries)) {
    test(what, () => {
      const cost = costOf(() => takeQuery(query))
      assert.ok(cost < times * ofLargest, `${cost} µs, the largest order ${ofLargest} µs`)
    })
  }
})
