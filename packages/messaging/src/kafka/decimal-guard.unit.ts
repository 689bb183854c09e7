import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertDecimalsUnchanged } from './decimal-guard.ts'

const money = { type: 'bytes', logicalType: 'decimal', precision: 19, scale: 4 }
const item = { type: 'record', name: 'Item', fields: [{ name: 'price', type: money }] }
const schema = JSON.stringify({
  type: 'record',
  name: 'Box',
  namespace: 'test',
  fields: [{ name: 'item', type: item }],
})

test('the same schema, and one with more fields, pass', () => {
  assertDecimalsUnchanged([], schema)
  assertDecimalsUnchanged([schema, schema], schema)
  const tax = { name: 'tax', type: { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 }, default: '' }
  const parsed = JSON.parse(schema)
  assertDecimalsUnchanged([schema], JSON.stringify({ ...parsed, fields: [...parsed.fields, tax] }))
})

test('another scale, another precision, a decimal no more or a new one are refused', () => {
  const decimal = '{"type":"bytes","logicalType":"decimal","precision":19,"scale":4}'
  const changes = [
    schema.replace('"scale":4', '"scale":2'),
    schema.replace('"precision":19', '"precision":18'),
    schema.replace(',"scale":4', ''),
    schema.replace(decimal, '"bytes"'),
    schema.replace(decimal, `["null",${decimal.replace('4', '3')}]`),
  ]
  for (const changed of changes) {
    assert.notEqual(changed, schema)
    assert.throws(() => assertDecimalsUnchanged([schema], changed), /test\.Item\.price .* must not change/)
    assert.throws(() => assertDecimalsUnchanged([changed], schema), /must not change/)
    assert.throws(
      () => assertDecimalsUnchanged([schema, changed], schema),
      /must not change/,
      'any of the versions counts',
    )
  }
})
