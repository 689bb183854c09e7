import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withComponents } from './components.ts'

const order = { title: 'Order', type: 'object', properties: { id: { type: 'string' } } }
const page = { title: 'OrderPage', type: 'object', properties: { items: { type: 'array', items: order } } }

test('what has a title stands once, and is referred to', () => {
  const document = withComponents({
    paths: { '/order': { schema: { ...order, examples: [{ id: 'o-1' }] } }, '/orders': { schema: page } },
  })
  const reference = { $ref: '#/components/schemas/Order' }
  assert.deepEqual(document, {
    paths: { '/order': { schema: reference }, '/orders': { schema: { $ref: '#/components/schemas/OrderPage' } } },
    components: {
      schemas: {
        Order: { type: 'object', properties: { id: { type: 'string' } } },
        OrderPage: { type: 'object', properties: { items: { type: 'array', items: reference } } },
      },
    },
  })
})

test('a property called title, and a value that has one, are no names', () => {
  const schema = { properties: { title: { type: 'string' } }, examples: [{ title: 'A' }], default: { title: 'B' } }
  assert.deepEqual(withComponents({ paths: { '/': schema } }), { paths: { '/': schema }, components: { schemas: {} } })
})

test('two schemas of one name are refused', () => {
  const paths = { '/order': order, '/other': { ...order, type: 'array' } }
  assert.throws(() => withComponents({ paths }), /two different schemas of the API are called Order/)
})
