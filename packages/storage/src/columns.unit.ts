import assert from 'node:assert/strict'
import { test } from 'node:test'
import { columns } from './columns.ts'

test('a column for each cell of a row, in the order of the rows, nothing left out', () => {
  const rows = new Map([
    ['a', { n: 1, text: undefined }],
    ['b', { n: 2, text: 'two' }],
  ])
  assert.deepEqual(
    columns(rows, ([key, { n, text }]) => [key, n, text]),
    [
      ['a', 'b'],
      [1, 2],
      [undefined, 'two'],
    ],
  )
  assert.deepEqual(
    columns([], () => [1]),
    [],
  )
})
