import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressesOf as allOf } from './addresses.ts'

/** Of each its first instance. */
const addressesOf = (...given: Parameters<typeof allOf>) =>
  Object.fromEntries(Object.entries(allOf(...given)).map(([where, [first]]) => [where, first]))

test('without a setting: the local stack, moved by INORDER_PORT_OFFSET', () => {
  assert.deepEqual(addressesOf({}), {
    console: 'http://127.0.0.1:3000',
    cart: 'http://127.0.0.1:3001',
    order: 'http://127.0.0.1:3002',
    inventory: 'http://127.0.0.1:3003',
    billing: 'http://127.0.0.1:3004',
    shipping: 'http://127.0.0.1:3005',
  })
  const moved = addressesOf({ INORDER_PORT_OFFSET: '10000' })
  assert.deepEqual([moved.console, moved.shipping], ['http://127.0.0.1:13000', 'http://127.0.0.1:13005'])
})

test('--url is the console, and the services are behind it', () => {
  const given = { INORDER_PORT_OFFSET: '1000', CART_URL: 'http://10.0.0.9:80' }
  const named = addressesOf(given, 'https://shop.example')
  assert.deepEqual([named.console, named.cart], ['https://shop.example:4000', 'https://shop.example:4001'])
  assert.equal(addressesOf({}, 'https://shop.example:443').cart, 'https://shop.example:444')
  const withPort = addressesOf(given, 'http://[::1]:13000/')
  assert.deepEqual([withPort.console, withPort.cart], ['http://[::1]:13000', 'http://[::1]:13001'])
})

test('each of them has a setting', () => {
  const { console, cart, order } = addressesOf({
    CART_URL: 'https://cart.example',
    CONSOLE_URL: 'http://10.0.0.1:8080',
  })
  assert.deepEqual([console, cart, order], ['http://10.0.0.1:8080', 'https://cart.example', 'http://127.0.0.1:3002'])
})

test('further instances are those of a setting, or on this machine those of npm start', () => {
  const ports = [3002, 3102, 3202, 3302, 3402]
  const local = allOf({})
  assert.deepEqual(
    local.order,
    ports.map((port) => `http://127.0.0.1:${port}`),
  )
  assert.equal(local.console.length, 1)
  assert.equal(allOf({}, 'https://shop.example').order.length, 1)
  const { order } = allOf({ ORDER_URL: 'https://order-1.example,https://order-2.example:8443' })
  assert.deepEqual(order, ['https://order-1.example', 'https://order-2.example:8443'])
})

test('an address that is none is said by its setting', () => {
  for (const url of ['shop', 'ftp://shop', 'http://shop/path', 'http://u:p@shop', 'http://shop?x=1', ''])
    assert.throws(() => addressesOf({}, url), /--url is no address/, url)
  assert.throws(() => addressesOf({ CART_URL: 'cart:3001' }), /CART_URL is no address/)
  assert.throws(() => addressesOf({ INORDER_PORT_OFFSET: '-1' }), /INORDER_PORT_OFFSET/)
})
