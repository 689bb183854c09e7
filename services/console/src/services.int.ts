import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { freePort } from '@inorder/testing/ports.ts'
import type { ConsoleConfig } from './config.ts'
import { servicesOf } from './services.ts'

const asked: string[] = []
let operator: string | string[] | undefined
const answers: Record<string, RequestListener> = {
  '/json': (_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', etag: '"3"' }).end('{"a":1}'),
  '/problem': (_request, response) =>
    response.writeHead(503, { 'content-type': 'application/problem+json' }).end('{"title":"away"}'),
  '/text': (_request, response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('a 1'),
  '/cut': (_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).end('{"a"'),
  '/elsewhere': (_request, response) => response.writeHead(302, { location: '/json' }).end(),
  '/long': (_request, response) => response.writeHead(200).end(Buffer.alloc(9 * 1024 * 1024)),
  '/never': () => {},
}
const server = createServer((request, response) => {
  asked.push(`${request.method} ${request.url}`)
  operator = request.headers['x-operator']
  answers[request.url ?? '']?.(request, response)
})
await once(server.listen(0, '127.0.0.1'), 'listening')
after(() => {
  server.close()
  server.closeAllConnections()
})
const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const nowhere = `http://127.0.0.1:${await freePort()}`
const services = servicesOf({
  ...{ CART_URL: here, ORDER_URL: nowhere, INVENTORY_URL: `${nowhere},${here}`, BILLING_URL: nowhere },
  SHIPPING_URL: `${here},${nowhere}`,
} as ConsoleConfig)

test('an answer is its status, its JSON or its text, and its ETag', async () => {
  const answer = { reachable: true, status: 200, etag: null, address: here }
  assert.deepEqual(await services.ask({}, 'cart', '/json'), { ...answer, body: { a: 1 }, etag: '"3"' })
  assert.deepEqual(await services.ask({}, 'cart', '/problem'), { ...answer, status: 503, body: { title: 'away' } })
  assert.deepEqual(await services.ask({}, 'cart', '/text'), { ...answer, body: 'a 1' })
})

test('the service hears who asks, for its audit', async () => {
  await services.ask({ operator: 'console, from 10.0.0.7' }, 'cart', '/json')
  assert.equal(operator, 'console, from 10.0.0.7')
  await services.ask({}, 'cart', '/json')
  assert.equal(operator, undefined)
})

test('what is no answer is told, and why', async () => {
  const why = async (path: string, service: 'cart' | 'order' = 'cart') => {
    const answer = await services.ask({}, service, path, { signal: AbortSignal.timeout(1_000) })
    return answer.reachable ? assert.fail(path) : answer.why
  }
  assert.equal(await why('/json', 'order'), 'ECONNREFUSED')
  assert.equal(await why('/never'), 'not in time')
  assert.match(await why('/long'), /^more than/)
  assert.match(await why('/elsewhere'), /redirect/)
  assert.ok(await why('/cut'))
})

test('where an instance does not answer another is asked; a write only if it cannot have arrived', async () => {
  const reached = async (service: 'inventory' | 'shipping', path: string, method: string) => {
    asked.length = 0
    const { reachable } = await services.ask({}, service, path, { method })
    return [reachable, asked.length]
  }
  assert.deepEqual(await reached('inventory', '/json', 'POST'), [true, 1])
  assert.deepEqual(await reached('inventory', '/json', 'GET'), [true, 1])
  assert.deepEqual(await reached('shipping', '/never', 'POST'), [false, 1])
  assert.deepEqual(await reached('shipping', '/json', 'POST'), [true, 1], 'the first is asked as before')
})

test('a key of . or .. leads to no other call', async () => {
  asked.length = 0
  for (const key of ['.', '..']) {
    const path = `/ops/parked/${encodeURIComponent(key)}`
    for (const one of [path, `${path}?limit=1`, `${path}/redrive`]) {
      const answer = await services.ask({}, 'cart', one, { method: 'POST', body: {} })
      assert.equal(answer.reachable && answer.status, 404, one)
    }
  }
  assert.deepEqual(asked, [])
})
