import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { anyEvent } from '@inorder/testing/any-order.ts'
import avsc from 'avsc'
import fc from 'fast-check'
import { firstBody, firstSchema } from './first-release.fixture.ts'
import type { OrderEvent } from './order-event.ts'
import { orderEvents } from './order-events.ts'

const { schema, encode, decoder } = orderEvents.value
const decode = decoder(schema)

const event: OrderEvent = {
  eventId: '1b4e28ba-2fa1-11d2-883f-0016d3cca427',
  type: 'OrderStatusChanged',
  orderId: 'o-1',
  version: 2,
  occurredAt: '2026-11-23T14:20:19.123Z',
  order: {
    orderId: 'o-1',
    customerId: 'c-1',
    orderDate: '2026-11-23T14:20:19.000Z',
    items: [{ itemId: 'i-1', quantity: 2, price: 19.99 }],
    totalAmount: 39.98,
    currency: 'USD',
    status: 'paid',
  },
  previousStatus: 'new',
}

/** The body of `event` with other Avro values in it, written as another producer could. */
const avro = avsc.Type.forSchema(JSON.parse(schema))
const written = (change: object, ofOrder: object = {}) => {
  const plain = avro.fromBuffer(encode(event))
  return avro.toBuffer({ ...plain, ...change, order: { ...plain.order, ...ofOrder } })
}
const item = { itemId: 'i-1', quantity: 2, price: Buffer.from([1]) }

suite('an order event', () => {
  test('survives encoding and decoding to the last digit, whatever the order', () => {
    fc.assert(
      fc.property(anyEvent, (any) => assert.deepEqual(decode(encode(any)), any)),
      { numRuns: 500 },
    )
  })

  test("of the contract's extremes survives too", () => {
    const items = [{ itemId: '🛒'.repeat(128), quantity: 1_000_000, price: 99_999.9999 }]
    const order = { ...event.order, items, totalAmount: 99_999_999_999.9999, currency: 'IQD', status: 's'.repeat(64) }
    const extreme = { ...event, version: Number.MAX_SAFE_INTEGER - 1, order, previousStatus: null }
    assert.deepEqual(decode(encode(extreme)), extreme)
  })

  test('cut off anywhere, or with a byte too many, is refused', () => {
    const body = encode(event)
    for (let length = 0; length < body.length; length++)
      assert.throws(() => decode(body.subarray(0, length)), `${length}`)
    for (const byte of [0, 1, 255]) assert.throws(() => decode(Buffer.concat([body, Buffer.from([byte])])), RangeError)
  })

  test('read from garbage is refused, or an event that is written the same', () => {
    const changed = fc.tuple(fc.nat(encode(event).length - 1), fc.integer({ min: 1, max: 255 })).map(([at, mask]) => {
      const body = encode(event)
      body[at] = (body[at] ?? 0) ^ mask
      return body
    })
    const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(fc.oneof(changed, noise), (body) => {
        let read: OrderEvent
        try {
          read = decode(body)
        } catch {
          return // refused
        }
        assert.deepEqual(decode(encode(read)), read)
      }),
      { numRuns: 3000 },
    )
  })

  test('with a count or a length that its bytes cannot hold is refused at once', () => {
    const count = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0xff, 0x03])
    const start = encode(event).subarray(0, encode(event).indexOf('i-1') - 2)
    const begun = performance.now()
    assert.throws(() => decode(Buffer.concat([start, count, Buffer.alloc(20)])), /entries in/)
    assert.throws(() => decode(Buffer.concat([count, Buffer.alloc(20)])), /length/)
    assert.ok(performance.now() - begun < 1000)
  })

  test('with text that is not UTF-8 is refused, not mended', () => {
    for (const bytes of [
      [0xff, 0x2d, 0x31],
      [0xed, 0xa0, 0x80],
      [0xc0, 0x80, 0x31],
    ]) {
      const body = encode(event)
      Buffer.from(bytes).copy(body, body.indexOf('c-1'))
      assert.throws(() => decode(body), /UTF-8/)
    }
  })

  const refused: [what: string, body: () => Buffer][] = [
    ['version 0', () => written({ version: 0 })],
    ['a negative version', () => written({ version: -3 })],
    ['an order of another id', () => written({ orderId: 'o-2' })],
    ['a negative price', () => written({}, { items: [{ ...item, price: Buffer.from([0xff]) }] })],
    ['a price without bytes', () => written({}, { items: [{ ...item, price: Buffer.alloc(0) }] })],
    ['a price of 16 digits', () => written({}, { items: [{ ...item, price: Buffer.from('038d7ea4c68000', 'hex') }] })],
    ['a total of 10 bytes', () => written({}, { totalAmount: Buffer.alloc(10) })],
    ['quantity 0', () => written({}, { items: [{ ...item, quantity: 0 }] })],
    ['a time after the year 9999', () => written({ occurredAt: 253_402_300_800_000 })],
    ['a time before the year 1', () => written({}, { orderDate: -62_135_596_800_001 })],
  ]
  for (const [what, body] of refused)
    test(`with ${what} is refused`, () => assert.throws(() => decode(body()), RangeError))

  test('with a version beyond 2^53 is refused', () => {
    const at = encode(event).indexOf('o-1') + 3
    const long = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])
    assert.throws(() => decode(Buffer.concat([encode(event).subarray(0, at), long, encode(event).subarray(at + 1)])))
  })

  test('with an amount in more bytes than it needs is read', () => {
    const price = Buffer.from('00000000000000030d', 'hex')
    assert.equal(decode(written({}, { items: [{ ...item, price }] })).order.items[0]?.price, 0.0781)
    const items = [{ ...item, price: Buffer.from('038d7ea4c67fff', 'hex') }]
    assert.equal(decode(written({}, { items })).order.items[0]?.price, 99_999_999_999.9999)
  })

  test('that has no Avro is not written', () => {
    const priced = (price: number) => ({
      ...event,
      order: { ...event.order, items: [{ itemId: 'i', quantity: 1, price }] },
    })
    for (const price of [-1, 0.00001, Number.NaN, 1e12]) assert.throws(() => encode(priced(price)), RangeError)
    assert.throws(() => encode({ ...event, occurredAt: 'yesterday' }))
  })
})

test('every decimal of the schema is money, with its scale', () => {
  const decimals = schema.match(/\{[^{}]*"logicalType":"decimal"[^{}]*\}/g) ?? assert.fail('none')
  for (const decimal of decimals)
    assert.deepEqual(JSON.parse(decimal), { type: 'bytes', logicalType: 'decimal', precision: 19, scale: 4 })
})

suite('the first release', () => {
  const first = avsc.Type.forSchema(JSON.parse(firstSchema))

  test('wrote what is read as it was meant', () => assert.deepEqual(decoder(firstSchema)(firstBody), event))

  test('reads, to the byte, what is written now', () => {
    const read = first.fromBuffer(encode(event), first.createResolver(avro))
    assert.deepEqual(first.toBuffer(read), firstBody)
  })
})

suite('schema evolution', () => {
  const fields = (change: (fields: { name: string }[]) => unknown[]) => {
    const parsed = JSON.parse(schema)
    return JSON.stringify({ ...parsed, fields: change(parsed.fields) })
  }
  const older = fields((all) => all.filter(({ name }) => name !== 'previousStatus'))
  const newer = fields((all) => [{ name: 'channel', type: 'string', default: 'web' }, ...all])

  test('a body without a field that came later is read with its default', () => {
    const body = avsc.Type.forSchema(JSON.parse(older)).toBuffer(avro.fromBuffer(encode(event)))
    assert.deepEqual(decoder(older)(body), { ...event, previousStatus: null })
  })

  test('a body of a later schema is read without the field that is not known yet', () => {
    const body = avsc.Type.forSchema(JSON.parse(newer)).toBuffer({ ...avro.fromBuffer(encode(event)), channel: 'shop' })
    assert.deepEqual(decoder(newer)(body), event)
    assert.throws(() => decoder(newer)(body.subarray(0, -1)))
    assert.throws(() => decoder(newer)(Buffer.concat([body, body])))
  })

  test('a writer whose decimals have another scale is refused', () => {
    assert.throws(
      () => decoder(schema.replaceAll('"scale":4', '"scale":2')),
      /price .*decimal\(19,2\)|decimal must not change/,
    )
  })
})

suite('a key', () => {
  test('is the order id in UTF-8, back and forth', () => {
    fc.assert(
      fc.property(anyEvent, (any) => assert.equal(orderEvents.key.decode(orderEvents.key.encode(any)), any.orderId)),
    )
  })

  test('that no order can have is refused: empty, too long, not UTF-8, control characters, half a surrogate pair', () => {
    for (const key of [
      Buffer.alloc(0),
      Buffer.from('x'.repeat(129)),
      Buffer.from('🛒'.repeat(129)),
      Buffer.from([0xff]),
      Buffer.from([0xed, 0xa0, 0xbd]),
      ...['\0', 'a\nb', '\x7f', 'a\x85'].map((text) => Buffer.from(text)),
    ]) {
      assert.throws(() => orderEvents.key.decode(key), RangeError, key.toString('hex'))
    }
    assert.equal(orderEvents.key.decode(Buffer.from('🛒'.repeat(128))), '🛒'.repeat(128))
  })
})

test('headers are those of CloudEvents in binary mode', () => {
  assert.deepEqual(orderEvents.headers(event), {
    ce_specversion: '1.0',
    ce_id: event.eventId,
    ce_source: '/inorder/cart',
    ce_type: 'OrderStatusChanged',
    ce_subject: 'o-1',
    ce_time: '2026-11-23T14:20:19.123Z',
    'content-type': 'application/avro',
    'order-version': '2',
  })
})
