// How the pages ask the services.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as overTheNetwork } from 'node:timers/promises'
import type { ServiceName } from '@inorder/contracts/service-names.ts'
import fastify from 'fastify'
import { type Answer, deadlineMs } from '../services.ts'
import { pages } from './index.ts'
import { operations } from './operations.ts'

/** The pages of services that know an order `o-1` of one item, for which they wait; a silent one never answers. */
async function pagesOf(silent?: ServiceName) {
  const asked: string[] = []
  const operators = new Set<string | undefined>()
  const bodies: Record<string, object> = {
    '/orders/o-1': {
      ...{ orderId: 'o-1', customerId: 'c-1', orderDate: '2026-11-23T14:20:19.000Z', status: 'new' },
      ...{ items: [{ itemId: 'pen', quantity: 2, price: 1 }], totalAmount: 2, currency: 'USD' },
    },
    '/ops/keys/o-1': { appliedVersion: 1, appliedAt: null, events: [], effects: [] },
    '/ops/parked/o-1': { key: 'o-1', appliedVersion: 1, events: [] },
    '/reservations/o-1': { status: 'backordered', lines: [{ itemId: 'pen', quantity: 2 }] },
    '/stock/pen': { available: 1, onHand: 1 },
  }
  const app = fastify()
  await app.register(pages, {
    services: {
      async ask({ operator }, service, path): Promise<Answer> {
        operators.add(operator)
        asked.push(service + path)
        if (service === silent) return new Promise(() => {})
        await overTheNetwork()
        const body = bodies[path] ?? { items: [], next: null }
        return { reachable: true, status: 200, body, etag: '"1"' }
      },
    },
    stopping: new AbortController().signal,
  })
  const post = (path: string, payload: string) =>
    app.inject({ method: 'POST', url: path, payload, headers: { 'content-type': 'application/x-www-form-urlencoded' } })
  return { asked, operators, get: (path: string) => app.inject(path), post }
}
const paths = ['/', '/orders/o-1', '/parked', '/parked/order', '/topics', '/audit']

test('a page asks each service a thing once', async () => {
  const { asked, get } = await pagesOf()
  for (const path of paths) {
    asked.length = 0
    assert.equal((await get(path)).statusCode, 200, path)
    assert.ok(asked.length > 0)
    assert.deepEqual(
      asked.filter((one, n) => asked.indexOf(one) !== n),
      [],
      path,
    )
  }
})

test('a redrive that could apply nothing says so; a discard is done all the same', async () => {
  const { get } = await pagesOf()
  const text = async (query: string) => (await get(`/parked/order/o-1?${query}`)).body
  assert.match(await text('redriven=1&applied=0&remaining=2'), /Nothing could be applied: 2 still parked\./)
  assert.match(await text('redriven=1&applied=1&remaining=0'), /Done: 1 applied/)
  assert.match(await text('applied=0&remaining=2'), /Done: 0 applied/)
  assert.match(
    operations.redrive({ service: 'order', key: 'o-1' }).seen({ applied: 0, remaining: 2 }),
    /redriven=1&applied=0&remaining=2$/,
  )
})

test('an order without an id is the list of orders', async () => {
  const { get } = await pagesOf()
  const { statusCode, headers } = await get('/orders/')
  assert.deepEqual([statusCode, headers.location], [303, '/orders'])
})

test('where nobody signs in the audit hears that it was the console, and for which address', async () => {
  const { operators, post } = await pagesOf()
  assert.equal((await post('/do/redrive', 'service=order&key=o-1')).statusCode, 303)
  assert.deepEqual([...operators], ['console, from 127.0.0.1'])
})

test('a service that is silent is waited for once, and the others are told of all the same', async () => {
  const { get } = await pagesOf('billing')
  const begun = performance.now()
  const all = [...paths, '/parked/billing/o-1?dryRun=yes']
  const texts = await Promise.all(all.map(async (path) => (await get(path)).body))
  assert.ok(performance.now() - begun < 2 * deadlineMs)
  for (const text of texts) assert.match(text, /<b>billing<\/b> does not answer/)
  assert.match(texts[1] ?? '', /It waits for stock: there is not enough \(pen: 2 wanted, 1 there\)/)
})
