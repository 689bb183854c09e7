import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { type Answer, type Fixture, item, order, startFixture } from './app.fixture.ts'

suite('a body is taken as it was sent, or refused', () => {
  let fixture: Fixture
  before(async () => {
    fixture = await startFixture()
  })
  after(() => fixture.close())

  const post = (body: unknown, headers?: Record<string, string>): Promise<Answer> =>
    fixture.send('POST', '/orders', body, headers)

  function assertProblem(answer: Answer, status: number, name: string) {
    assert.equal(answer.status, status, answer.text)
    assert.equal(answer.headers['content-type'], 'application/problem+json')
    const { type, title, status: told, detail, instance } = answer.json()
    assert.equal(type, `/problems/${name}`)
    assert.equal(told, status)
    assert.equal(instance, '/orders')
    assert.ok(title && detail)
    return answer.json()
  }

  async function assertFields(body: unknown, expected: Record<string, RegExp>) {
    const { errors = [] } = assertProblem(await post(body), 400, 'invalid-request')
    assert.deepEqual(errors.map(({ field }) => field).sort(), Object.keys(expected).sort())
    for (const { field, message } of errors) assert.match(message, expected[field] ?? /never/, field)
  }

  test('a valid order comes back to the last digit', async () => {
    const largest = order({
      items: [{ itemId: 'i', quantity: 1, price: 99_999_999.9999 }],
      totalAmount: 99_999_999.9999,
    })
    for (const body of [order(), largest]) {
      const answer = await post(body)
      assert.equal(answer.status, 201, answer.text)
      assert.deepEqual(answer.json(), body)
    }
  })

  test('types are not coerced', async () => {
    await assertFields(item({ quantity: '3' }), { 'items[0].quantity': /must be an integer/ })
    await assertFields(item({ price: '1.25' }), { 'items[0].price': /must be a number/ })
    await assertFields(order({ orderId: 3 }), { orderId: /must be a string/ })
    await assertFields(order({ items: { itemId: 'i' } }), { items: /must be an array/ })
    await assertFields(order({ status: null }), { status: /must be a string/ })
    await assertFields('null', { body: /must be an object/ })
    await assertFields('[]', { body: /must be an object/ })
    await assertFields('"o-1"', { body: /must be an object/ })
  })

  test('unknown fields are refused and named', async () => {
    await assertFields({ ...item({ colour: 1 }), size: 2 }, { size: /not a known/, 'items[0].colour': /not a known/ })
  })

  test('every bad field is named at once', async () => {
    const items = [
      { itemId: '', quantity: 0, price: -1 },
      { itemId: 'i', quantity: 1.5, price: 0.00001 },
    ]
    await assertFields(
      { items, currency: 'euro', totalAmount: 1e12, status: 's'.repeat(65), orderDate: 'today', x: 1 },
      {
        orderId: /is required/,
        customerId: /is required/,
        'items[0].itemId': /fewer than 1/,
        'items[0].quantity': />= 1/,
        'items[0].price': />= 0/,
        'items[1].quantity': /an integer/,
        'items[1].price': /4 decimals/,
        currency: /ISO 4217/,
        totalAmount: /<= 99999999999.9999/,
        status: /more than 64/,
        orderDate: /UTC time/,
        x: /not a known/,
      },
    )
  })

  test('the first 100 bad fields are named, and an array that is too long is only that', async () => {
    const items = Array.from({ length: 1000 }, () => ({ itemId: '', quantity: 0, price: -1 }))
    const { errors = [], detail } = (await post(order({ items }))).json()
    assert.equal(errors.length, 100)
    assert.match(String(detail), /and 90 more at least\.$/)
    await assertFields(`{"items":[${'{},'.repeat(80_000)}0],"status":""}`, {
      orderId: /is required/,
      customerId: /is required/,
      orderDate: /is required/,
      totalAmount: /is required/,
      currency: /is required/,
      items: /more than 1000 items/,
      status: /fewer than 1/,
    })
  })

  test('__proto__ and constructor are unknown fields like any other', async () => {
    const text = JSON.stringify(order())
    for (const key of ['__proto__', '\\u005f_proto__', 'constructor', 'prototype', 'toString']) {
      const field = key.replace('\\u005f', '_')
      await assertFields(text.replace('{', `{"${key}":{"prototype":{"a":1}},`), { [field]: /not a known/ })
      await assertFields(text.replace('[{', `[{"${key}":{"a":1},`), { [`items[0].${field}`]: /not a known/ })
    }
    assert.equal(Object.hasOwn(Object.prototype, 'a'), false)
  })

  test('a number that JSON.parse would change is refused, and its field named', async () => {
    const text = JSON.stringify(item({ price: 7 }))
    for (const number of ['1.2500000000000001', '0.1000000000000000055', '1e-400', '1.00000000000000001e0', '1e400']) {
      await assertFields(text.replace(':7', `:${number}`), { 'items[0].price': /at most 15 digits/ })
    }
    const both = text.replace(':7', ':1.2500000000000001').replace('"quantity":2', '"quantity":9007199254740993')
    const digits = /at most 15 digits/
    await assertFields(both, { 'items[0].price': digits, 'items[0].quantity': digits })
    // Long, but nothing is lost.
    for (const [number, value] of [
      ['1.250000000000000000', 1.25],
      ['12500000000000000e-16', 1.25],
    ] as const) {
      const answer = await post(text.replace(':7', `:${number}`))
      assert.deepEqual(answer.json(), item({ price: value }), answer.text)
    }
    const id = order({ orderId: '90071992547409931.2500000000000001' })
    assert.deepEqual((await post(id)).json(), id)
  })

  test('what is not JSON, or not UTF-8, is malformed', async () => {
    const bad = Buffer.concat([Buffer.from('{"orderId":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')])
    const surrogate = Buffer.concat([Buffer.from('{"orderId":"'), Buffer.from([0xed, 0xa0, 0xbd]), Buffer.from('"}')])
    const bodies = [' ', '{', '{"a":NaN}', "{'a':1}", '{"a":1}{}', '\ufeff{}', '[1,]', bad, surrogate]
    for (const body of bodies) {
      const { errors } = assertProblem(await post(body), 400, 'malformed-json')
      assert.deepEqual(
        errors?.map(({ field }) => field),
        ['body'],
      )
      assert.match(errors?.[0]?.message ?? '', /^(is not valid UTF-8|cannot be read as JSON: .+)$/)
    }
    for (const number of ['', '1.2345678901234567'])
      assertProblem(await post('['.repeat(100_000) + number + ']'.repeat(100_000)), 400, 'malformed-json')
  })

  test('a key that is there twice is refused', async () => {
    const text = JSON.stringify(order())
    for (const twice of [text.replace('{', '{"status":"paid",'), text.replace('[{', '[{"price":1,')])
      assertProblem(await post(twice), 400, 'malformed-json')
  })

  test('control characters and lone surrogates are refused, lengths are code points', async () => {
    for (const orderId of ['a\u0000', 'a\nb', '\u007f', 'a\u0085b', '\ud83d', '\udc00a']) {
      await assertFields(order({ orderId }), { orderId: /control characters or lone surrogates/ })
    }
    const carts = '🛒'.repeat(128)
    assert.equal((await post(order({ orderId: carts }))).status, 201)
    await assertFields(order({ orderId: `${carts}x` }), { orderId: /more than 128/ })
  })

  test('times are UTC, of the calendar, with at most milliseconds', async () => {
    for (const orderDate of [
      '2026-11-23T14:20:19.0001Z',
      '2026-11-23T14:20:19+01:00',
      '2026-11-23T14:20:19-00:00',
      '2026-02-30T00:00:00Z',
      '2026-11-23T24:00:00Z',
      '2026-11-23T23:59:60Z',
      '2026-11-23',
      '2026-11-23 14:20:19Z',
      '2026-11-23T14:20:19z',
      '+002026-11-23T14:20:19Z',
    ])
      await assertFields(order({ orderDate }), { orderDate: /UTC time/ })
    for (const orderDate of ['2026-11-23T14:20:19Z', '2024-02-29T00:00:00.1Z', '2026-11-23T14:20:19.123Z'])
      assert.equal((await post(order({ orderDate }))).status, 201, orderDate)
  })

  test('money has at most 4 decimals and is not negative', async () => {
    for (const price of [0.00001, 1.00005, 99999999.99991])
      await assertFields(item({ price }), { 'items[0].price': /./ })
    for (const price of [0, 0.0001, 0.1, 99999999.9999])
      assert.equal((await post(item({ price }))).status, 201, `${price}`)
  })

  test('a body that is compressed or not in UTF-8 is 415, whatever is in it', async () => {
    const json = 'application/json'
    for (const headers of [
      { 'content-encoding': 'gzip' },
      { 'content-type': `${json}; charset=utf-16` },
      { 'content-type': `${json};charset="ISO-8859-1"` },
    ])
      assertProblem(await post(order(), headers), 415, 'unsupported-media-type')
    for (const headers of [
      { 'content-encoding': 'identity' },
      { 'content-type': `${json}; charset="UTF-8"` },
      { 'content-type': `${json};charset=utf8` },
    ])
      assert.equal((await post(order(), headers)).status, 201)
  })

  test('a body of another type is 415, also without a type', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx', 'json', ''])
      assertProblem(await post(JSON.stringify(order()), { 'content-type': type }), 415, 'unsupported-media-type')
    const { socket, closed } = fixture.open()
    socket.end('POST /orders HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}')
    assert.match(await closed, /^HTTP\/1\.1 415 /)
    assert.equal((await post(order(), { 'content-type': 'application/json; charset=utf-8' })).status, 201)
  })

  test('no body at all is no order', async () => {
    for (const answer of [await fixture.send('POST', '/orders'), await post('')]) {
      const { errors } = assertProblem(answer, 400, 'invalid-request')
      assert.deepEqual(errors, [{ field: 'body', message: 'must be an object' }])
    }
    const { socket, closed } = fixture.open()
    const head = 'POST /orders HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n'
    socket.end(`${head}transfer-encoding: chunked\r\n\r\n0\r\n\r\n`)
    assert.match(await closed, /^HTTP\/1\.1 400 .*invalid-request/s)
  })
})
