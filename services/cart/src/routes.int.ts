import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { request as ask, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import type { Order } from '@inorder/contracts/order.ts'
import { digestOf } from '@inorder/http/api-keys.ts'
import type { createApp } from '@inorder/http/app.ts'
import { DatabaseRun } from '@inorder/messaging/outbox/database-run.ts'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import { type TcpProxy, tcpProxy } from '@inorder/testing/tcp-proxy.ts'
import pg from 'pg'
import { cartApp, logger } from './cart-app.fixture.ts'
import { HandRelay } from './hand-relay.fixture.ts'
import { keyName } from './idempotency.ts'
import { migrations } from './migrations.ts'
import { Writes } from './writes.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
let proxy: TcpProxy
let pool: pg.Pool
/** Of the relay: what the tests do to the cart's sessions is not its affair. */
let direct: pg.Pool
let relay: HandRelay
let writes: Writes
let app: Awaited<ReturnType<typeof createApp>>
let base: string

before(async () => {
  database = await freshDatabase('cart')
  await migrate(database.url, migrations)
  const url = new URL(database.url)
  proxy = await tcpProxy(url.hostname, Number(url.port))
  url.port = String(proxy.port)
  pool = openPool({ url: url.href, name: 'cart', max: 4, deadlineMs: 1_500, onIdleError: () => {} })
  direct = openPool({ url: database.url, name: 'relay', max: 2 })
  relay = new HandRelay(direct)
  writes = new Writes({ pool, run: new DatabaseRun(), relay, logger })
  app = await cartApp(writes, pool)
  base = await app.listen({ host: '127.0.0.1', port: 0 })
})

beforeEach(() => {
  relay.unavailable = false
  relay.wake = () => void relay.publishAll()
  proxy.fate = () => 'through'
})
after(async () => {
  await app.close()
  await pool.end()
  await direct.end()
  await proxy.close()
  await database.drop()
})

type Path = Record<string, { responses: Record<number, { headers?: object }> }>

/** An order, or a problem. */
type Body = Order & { type?: string; errors?: { field: string }[] }

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const json = { 'content-type': 'application/json', ...headers }
  const response = await fetch(
    base + path,
    body === undefined ? { method } : { method, headers: json, body: JSON.stringify(body) },
  )
  return { status: response.status, headers: response.headers, body: (await response.json()) as Body }
}
const create = (body: object, headers = {}) => call('POST', '/create-order', body, headers)
const update = (orderId: string, status: string, headers = {}) =>
  call('PUT', '/update-order', { orderId, status }, headers)
const fieldsOf = (body: { errors?: { field: string }[] }) => body.errors?.map(({ field }) => field).sort()

const items = [{ itemId: 'a', quantity: 3, price: 0.1 }]

test('create: 201 with the order, Location, ETag and Event-Delivery', async () => {
  const orderId = unique('o')
  const { status, headers, body } = await create({ orderId, itemsNum: 2 })
  assert.equal(status, 201)
  assert.equal(headers.get('location'), `/orders/${orderId}`)
  assert.equal(headers.get('etag'), '"1"')
  assert.equal(headers.get('event-delivery'), 'delivered')
  assert.deepEqual(Object.keys(body), [
    'orderId',
    'customerId',
    'orderDate',
    'items',
    'totalAmount',
    'currency',
    'status',
  ])
  assert.equal(body.items.length, 2)
  assert.deepEqual([body.orderDate, body.currency, body.status], ['2026-11-23T14:20:19.000Z', 'USD', 'new'])
  const read = await call('GET', `/orders/${orderId}`)
  assert.deepEqual([read.status, read.headers.get('etag'), read.body], [200, '"1"', body])
})

test('create: a real order comes back to the last digit', async () => {
  const order = {
    orderId: unique('o'),
    customerId: 'c',
    orderDate: '2026-01-01T00:00:00.000Z',
    items: [...items, { itemId: 'b', quantity: 1_000_000, price: 99_998.9999 }],
    totalAmount: 99_998_999_900.3,
    currency: 'HUF',
    status: 'x',
  }
  const { status, body } = await create(order)
  assert.deepEqual([status, body], [201, order])
  assert.deepEqual((await call('GET', `/orders/${order.orderId}`)).body, order)
})

test("the event goes on with the caller's trace, off loopback without the caller's word that it is sampled", async () => {
  relay.wake = () => undefined
  relay.unavailable = true
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331'
  for (const [isLocal, flag] of [
    [true, '01'],
    [false, '00'],
  ] as const) {
    const cart = await cartApp(writes, pool, {}, isLocal)
    const orderId = unique('traced')
    const headers = { host: '127.0.0.1', traceparent: `${trace}-01` }
    const payload = { orderId, itemsNum: 1 }
    const { statusCode, body } = await cart.inject({ method: 'POST', url: '/create-order', headers, payload })
    assert.equal(statusCode, 202, body)
    await cart.close()
    const stored = `SELECT headers->>'traceparent' AS traceparent FROM outbox WHERE key = $1`
    const { rows } = await direct.query(stored, [Buffer.from(orderId)])
    assert.deepEqual(rows, [{ traceparent: `${trace}-${flag}` }])
  }
})

test('OpenAPI names the headers of each answer', async () => {
  const { paths } = (await call('GET', '/openapi.json')).body as unknown as { paths: Record<string, Path> }
  const headersOf = (path: string, method: string, status: number) =>
    Object.keys(paths[path]?.[method]?.responses[status]?.headers ?? {}).sort()
  assert.deepEqual(headersOf('/create-order', 'post', 202), [
    'ETag',
    'Event-Delivery',
    'Location',
    'Preference-Applied',
  ])
  assert.deepEqual(headersOf('/create-order', 'post', 409), ['Retry-After'])
  assert.deepEqual(headersOf('/update-order', 'put', 200), ['ETag', 'Event-Delivery', 'Preference-Applied'])
  assert.deepEqual(headersOf('/orders/{orderId}', 'get', 200), ['ETag'])
})

test('every valid id works in every path', async () => {
  for (const id of ['/', '?#%', '...', 'ü 𝒩', '%2F', 'x'.repeat(119), '𝒩'.repeat(119)]) {
    const orderId = `${id}${id.length > 2 ? unique('') : ''}`
    const { status, headers } = await create({ orderId, itemsNum: 1 })
    assert.equal(status, 201, orderId)
    const location = headers.get('location')!
    assert.equal((await raw('GET', location)).body.orderId, orderId)
    assert.equal((await update(orderId, 'paid')).status, 200)
  }
})

test('create: 400 names every bad field', async () => {
  const cases: [object, string[]][] = [
    [{ orderId: 'o' }, ['itemsNum']],
    [{ orderId: '', itemsNum: 101 }, ['itemsNum', 'orderId']],
    [{ orderId: 'o', itemsNum: '3' }, ['itemsNum']],
    [{ orderId: 'o', itemsNum: 3, items, customerId: 'c' }, ['itemsNum']],
    [{ orderId: 'o', items }, ['customerId']],
    [{ orderId: 'o', customerId: 'c', items, totalAmount: 0.31 }, ['totalAmount']],
    [{ orderId: 'o\u0000', itemsNum: 1, extra: 1 }, ['extra', 'orderId']],
    [
      { orderId: 'o', customerId: 'c', currency: 'XXXX', items: [{ itemId: 'a', quantity: 0, price: 0.00001 }] },
      ['currency', 'items[0].price', 'items[0].quantity'],
    ],
    [
      { orderId: 'o', customerId: 'c', items: [{ itemId: 'a', quantity: 1_000_000, price: 99_999_999 }] },
      ['items', 'totalAmount'],
    ],
    [{ orderId: '', items, totalAmount: 0.31 }, ['customerId', 'orderId', 'totalAmount']],
    [{ orderId: '', customerId: 'c', items, totalAmount: 0.3 }, ['orderId']],
    [
      { orderId: '', customerId: 'c', items: [{ itemId: '', quantity: 1, price: 1 }], totalAmount: 2 },
      ['items[0].itemId', 'orderId'],
    ],
  ]
  for (const [body, fields] of cases) {
    const answer = await create(body)
    assert.equal(answer.status, 400, JSON.stringify(body))
    assert.deepEqual(fieldsOf(answer.body), fields, JSON.stringify(body))
  }
})

test('every bad field of path, body and headers is named at once', async () => {
  const key = { 'idempotency-key': 'x'.repeat(256) }
  const body = { orderId: '', customerId: 'c', items, totalAmount: 0.31 }
  const created = await call('POST', '/create-order?colour=red', body, key)
  assert.deepEqual(
    [created.status, fieldsOf(created.body)],
    [400, ['Idempotency-Key', 'colour', 'orderId', 'totalAmount']],
  )
  const valid = await create({ ...body, orderId: 'o' }, key)
  assert.deepEqual([valid.status, fieldsOf(valid.body)], [400, ['Idempotency-Key', 'totalAmount']])
  const updated = await update('', 'paid', { ...key, 'if-match': '3' })
  assert.deepEqual([updated.status, fieldsOf(updated.body)], [400, ['Idempotency-Key', 'If-Match', 'orderId']])
})

test('create: 409 for an order that exists, which stays as it is', async () => {
  const orderId = unique('o')
  const first = await create({ orderId, itemsNum: 1 })
  const { status, body } = await create({ orderId, itemsNum: 2 })
  assert.deepEqual([status, body.type], [409, '/problems/order-exists'])
  assert.deepEqual((await call('GET', `/orders/${orderId}`)).body, first.body)
})

test('update: 200 with the whole order and its new ETag; 404 for no order', async () => {
  const orderId = unique('o')
  const { body: order } = await create({ orderId, itemsNum: 1 })
  const { status, headers, body } = await update(orderId, 'paid')
  assert.deepEqual([status, headers.get('etag'), headers.get('event-delivery')], [200, '"2"', 'delivered'])
  assert.equal(headers.get('location'), null)
  assert.deepEqual(body, { ...order, status: 'paid' })
  assert.equal((await update(unique('none'), 'paid')).status, 404)
  assert.equal((await call('GET', `/orders/${unique('none')}`)).status, 404)
})

test('update: If-Match', async () => {
  const orderId = unique('o')
  await create({ orderId, itemsNum: 1 })
  const mismatch = await update(orderId, 'paid', { 'if-match': '"2"' })
  assert.deepEqual([mismatch.status, mismatch.headers.get('etag')], [412, '"1"'])
  assert.equal((await update(orderId, 'paid', { 'if-match': 'W/"1"' })).status, 412)
  assert.equal((await update(orderId, 'paid', { 'if-match': '"7", "1"' })).status, 200)
  assert.equal((await update(orderId, 'sent', { 'if-match': '*' })).status, 200)
  assert.equal((await update(unique('none'), 'sent', { 'if-match': '*' })).status, 404)
  const malformed = await update(orderId, 'paid', { 'if-match': '3' })
  assert.deepEqual([malformed.status, fieldsOf(malformed.body)], [400, ['If-Match']])
})

test('If-None-Match: a read is 304, a write 412; If-Match counts for reads too', async () => {
  const orderId = unique('o')
  await create({ orderId, itemsNum: 1 })
  const read = (headers: Record<string, string>, method = 'GET') =>
    fetch(`${base}/orders/${orderId}`, { method, headers: { 'cache-control': 'no-store', ...headers } })
  for (const tags of ['"1"', 'W/"1"', '"7", "1"', '*']) {
    for (const method of ['GET', 'HEAD']) {
      const { status, headers } = await read({ 'if-none-match': tags }, method)
      assert.deepEqual([status, headers.get('etag')], [304, '"1"'], tags)
    }
    const changed = await update(orderId, 'paid', { 'if-none-match': tags })
    assert.deepEqual([changed.status, changed.headers.get('etag')], [412, '"1"'], tags)
    const again = await create({ orderId, itemsNum: 1 }, { 'if-none-match': tags })
    assert.deepEqual([again.status, again.body.type], [412, '/problems/version-mismatch'], tags)
  }
  assert.equal((await read({ 'if-none-match': '"2"' })).status, 200)
  assert.equal((await create({ orderId, itemsNum: 1 }, { 'if-none-match': '"2"' })).status, 409)
  assert.equal((await create({ orderId: unique('o'), itemsNum: 1 }, { 'if-none-match': '*' })).status, 201)
  assert.equal((await update(orderId, 'paid', { 'if-none-match': '"2"', 'if-match': '"1"' })).status, 200)

  assert.equal((await read({ 'if-match': '"1"' })).status, 412)
  assert.equal((await read({ 'if-match': '"2"' })).status, 200)
  assert.equal((await read({ 'if-match': '"2"', 'if-none-match': '"2"' })).status, 304)
  assert.equal((await read({ 'if-match': '2', 'if-none-match': '2' })).status, 400)
  const malformed = await update(orderId, 'paid', { 'if-match': '3', 'if-none-match': '3' })
  assert.deepEqual([malformed.status, fieldsOf(malformed.body)], [400, ['If-Match', 'If-None-Match']])
})

test('rule 6: a status that the order already has is no new version, and is answered for the current one', async () => {
  const orderId = unique('o')
  await create({ orderId, itemsNum: 1 })
  relay.wake = () => {}
  assert.equal((await update(orderId, 'paid', { prefer: 'wait=0' })).status, 202)
  const pending = await update(orderId, 'paid', { prefer: 'wait=0' })
  assert.deepEqual(
    [pending.status, pending.headers.get('etag'), pending.headers.get('event-delivery')],
    [202, '"2"', 'pending'],
  )
  await relay.publishAll()
  const delivered = await update(orderId, 'paid')
  assert.deepEqual([delivered.status, delivered.headers.get('etag')], [200, '"2"'])
})

test('Prefer: how long a write waits for Kafka', async () => {
  relay.wake = () => {}
  const timed = async (prefer?: string) => {
    const began = performance.now()
    const { status, headers } = await create({ orderId: unique('o'), itemsNum: 1 }, prefer ? { prefer } : {})
    assert.deepEqual([status, headers.get('event-delivery')], [202, 'pending'])
    return performance.now() - began
  }
  const usual = await timed()
  assert.ok(usual > 1_900, `${usual}`)
  assert.ok((await timed('respond-async')) < usual)
  const { headers } = await create({ orderId: unique('o'), itemsNum: 1 }, { prefer: 'respond-async, wait=0, x' })
  assert.equal(headers.get('preference-applied'), 'respond-async, wait=0')
  assert.ok((await timed('wait=0')) < usual)
  const second = await timed('wait=1')
  assert.ok(second > 900 && second < usual, `${second} of ${usual}`)
  relay.unavailable = true
  assert.ok((await timed('wait=5')) < 4_900, 'Kafka is known to be away')
})

test('strict: 503 while Kafka is away, and nothing is stored', async () => {
  relay.unavailable = true
  const orderId = unique('o')
  const { status, headers, body } = await create({ orderId, itemsNum: 1 }, { prefer: 'handling=strict, wait=5' })
  assert.deepEqual([status, headers.get('retry-after'), body.type], [503, '7', '/problems/kafka-away'])
  assert.equal(headers.get('preference-applied'), 'handling=strict')
  assert.equal((await call('GET', `/orders/${orderId}`)).status, 404)
  relay.unavailable = false
  assert.equal((await create({ orderId, itemsNum: 1 }, { prefer: 'handling=strict' })).status, 201)
})

test('rule 2: Idempotency-Key over HTTP', async () => {
  const key = { 'idempotency-key': unique('k') }
  const orderId = unique('o')
  relay.wake = () => {}
  const first = await create({ orderId, itemsNum: 3 }, { ...key, prefer: 'wait=0' })
  const repeat = await create({ itemsNum: 3, orderId }, { ...key, prefer: 'wait=0' })
  assert.deepEqual([repeat.status, repeat.body, repeat.headers.get('etag')], [202, first.body, '"1"'])
  assert.equal(repeat.headers.get('location'), `/orders/${orderId}`)
  await relay.publishAll()
  const later = await create({ orderId, itemsNum: 3 }, key)
  assert.deepEqual([later.status, later.body, later.headers.get('event-delivery')], [201, first.body, 'delivered'])

  assert.equal((await create({ orderId, itemsNum: 4 }, key)).status, 422)
  for (const bad of ['', 'x'.repeat(256)]) {
    const answer = await create({ orderId, itemsNum: 3 }, { 'idempotency-key': bad })
    assert.deepEqual([answer.status, fieldsOf(answer.body)], [400, ['Idempotency-Key']])
  }
  const quoted = await create({ orderId, itemsNum: 3 }, { 'idempotency-key': `"${key['idempotency-key']}"` })
  assert.deepEqual([quoted.status, quoted.body], [201, first.body], 'k and "k" are one key')
  const escaped = { orderId: unique('o'), itemsNum: 3 }
  assert.equal((await create(escaped, { 'idempotency-key': '"a\\"b"' })).status, 202)
  assert.equal((await create(escaped, { 'idempotency-key': 'a"b' })).status, 202, 'another key would be 409')
  const two = await new Promise<number | undefined>((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': ['k1', 'k1'] }
    const sent = request(`${base}/create-order`, { method: 'POST', headers }, ({ statusCode }) => resolve(statusCode))
    sent.on('error', reject).end(JSON.stringify({ orderId: unique('o'), itemsNum: 3 }))
  })
  assert.equal(two, 400)
  // As Latin-1, and as UTF-8: twice as many bytes, not twice as many characters.
  for (const longest of ['é'.repeat(255), Buffer.from('è'.repeat(255)).toString('latin1')]) {
    const answer = await create({ orderId: unique('o'), itemsNum: 3 }, { 'idempotency-key': longest })
    assert.equal(answer.status, 202)
  }
})

test('rule 2: the key counts before If-Match and before "same status"', async () => {
  const orderId = unique('o')
  await create({ orderId, itemsNum: 1 })
  const headers = { 'idempotency-key': unique('k'), 'if-match': '"1"' }
  for (let i = 0; i < 2; i++) {
    const { status, headers: answered } = await update(orderId, 'paid', headers)
    assert.deepEqual([status, answered.get('etag')], [200, '"2"'])
  }
  await update(orderId, 'sent')
  const { status, headers: answered, body } = await update(orderId, 'paid', headers)
  assert.deepEqual([status, answered.get('etag'), body.status], [200, '"2"', 'paid'])
})

test('rule 2: an Idempotency-Key belongs to who uses it: another caller with the same key is another', async () => {
  const callers = ['a', 'b'].map((name) => ({ name, key: `ino_${unique(name)}` }))
  const file = join(tmpdir(), unique('inorder-keys'))
  writeFileSync(
    file,
    callers.map(({ name, key }) => `${name} ${digestOf(key).toString('hex')} orders:write\n`).join(''),
  )
  const asked = await cartApp(writes, pool, { API_KEYS_FILE: file })
  rmSync(file)
  try {
    const key = unique('k')
    const put = (caller: (typeof callers)[number] | undefined, orderId: string, status: string) =>
      asked.inject({
        method: 'PUT',
        url: '/update-order',
        headers: { authorization: `Bearer ${caller?.key}`, 'idempotency-key': key, prefer: 'wait=0' },
        payload: { orderId, status },
      })
    const [own, others] = [unique('o'), unique('o')]
    for (const orderId of [own, others]) await create({ orderId, itemsNum: 1 })
    const [a, b] = callers
    assert.match((await put(a, own, 'paid')).headers.etag as string, /"2"/)
    const second = await put(b, others, 'cancelled')
    assert.deepEqual([second.headers.etag, second.json().orderId, second.json().status], ['"2"', others, 'cancelled'])
    assert.equal((await put(a, own, 'paid')).json().status, 'paid', 'a repeat has the first outcome')
    assert.equal((await put(b, own, 'paid')).statusCode, 422, 'to b, their own first request')
    assert.equal((await put(undefined, own, 'paid')).statusCode, 401)
  } finally {
    await asked.close()
  }
})

test('rule 2: a name and a key with spaces are no other caller and key', () => {
  const names = [
    keyName({ operation: 'PUT /update-order jwt a', key: 'b c' }),
    keyName({ operation: 'PUT /update-order jwt a b', key: 'c' }),
  ]
  assert.notEqual(names[0], names[1])
})

test('rule 2: 50 clients with one key at once: one effect', async () => {
  const headers = { 'idempotency-key': unique('k') }
  const orderId = unique('o')
  const answers = await Promise.all(Array.from({ length: 50 }, () => create({ orderId, itemsNum: 1 }, headers)))
  for (const { status, headers: answered } of answers) {
    assert.ok(status === 201 || status === 409, `${status}`)
    if (status === 409) assert.ok(answered.get('retry-after'))
  }
  assert.equal((await create({ orderId, itemsNum: 1 }, headers)).status, 201)
})

test('the database goes away and comes back: 503 with Retry-After, then 201, by itself', async () => {
  proxy.refuse(true)
  const orderId = unique('o')
  for (const answer of [await create({ orderId, itemsNum: 1 }), await call('GET', `/orders/${orderId}`)]) {
    assert.deepEqual([answer.status, answer.body.type], [503, '/problems/database-away'])
    assert.ok(answer.headers.get('retry-after'))
  }
  proxy.refuse(false)
  assert.equal((await create({ orderId, itemsNum: 1 })).status, 201)
})

test('an order that another session holds locked: 503 that says so and when to come again, and nothing is stored', async () => {
  const orderId = unique('o')
  await create({ orderId, itemsNum: 1 })
  const session = new pg.Client({ connectionString: database.url })
  await session.connect()
  await session.query('BEGIN')
  await session.query('SELECT FROM orders WHERE order_id = $1 FOR UPDATE', [orderId])
  const refused = await update(orderId, 'paid')
  assert.deepEqual([refused.status, refused.body.type], [503, '/problems/order-locked'])
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
  await session.query('COMMIT')
  await session.end()
  assert.equal((await update(orderId, 'paid')).headers.get('etag'), '"2"')
})

test('a frozen database: 503 within the deadline', async () => {
  proxy.fate = () => 'swallowed'
  assert.equal((await create({ orderId: unique('o'), itemsNum: 1 })).status, 503)
})

test('rule 4: a commit whose outcome stays unknown is answered by closing the connection', async () => {
  const orderId = unique('o')
  await create({ orderId, itemsNum: 1 })
  proxy.fate = (piece) => {
    if (!piece.includes('COMMIT')) return 'through'
    proxy.fate = () => 'swallowed'
    return 'answer lost'
  }
  await assert.rejects(update(orderId, 'paid'))
  proxy.fate = () => 'through'
  assert.equal((await call('GET', `/orders/${orderId}`)).body.status, 'paid')
})

test('rule 4: a commit whose answer was lost is answered as what it was', async () => {
  const orderId = unique('o')
  proxy.fate = (piece) => {
    if (!piece.includes('COMMIT')) return 'through'
    proxy.fate = () => 'through'
    return 'answer lost'
  }
  assert.equal((await create({ orderId, itemsNum: 1 })).status, 201)
})

function raw(method: string, path: string): Promise<{ status: number; body: { orderId?: string } }> {
  return new Promise((resolve, reject) => {
    const url = new URL(base)
    const request = ask({ host: url.hostname, port: url.port, method, path }, async (response) => {
      const text = (await response.setEncoding('utf8').toArray()).join('')
      resolve({ status: response.statusCode!, body: JSON.parse(text) })
    })
    request.on('error', reject).end()
  })
}
